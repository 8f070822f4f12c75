//! Everybody.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::SetUserError;
use crate::password::PasswordHash;
use crate::patterns::has_blank;
use crate::user::User;

/// The user of everybody who has not said who they are.
pub const DEFAULT_USER: &[u8] = b"default";

/// All users by name. The default user is always among them.
#[derive(Debug, Clone)]
pub struct Users {
    by_name: BTreeMap<Box<[u8]>, Arc<User>>,
    generation: u64,
    all_channels: bool,
}

impl Users {
    /// The default user alone, who may do everything. `all_channels` is what new users get
    /// (`acl-pubsub-default`).
    #[must_use]
    pub fn new(all_channels: bool) -> Self {
        let default = Arc::new(User::unrestricted(DEFAULT_USER));
        let by_name = BTreeMap::from([(DEFAULT_USER.into(), default)]);
        Self { by_name, generation: 1, all_channels }
    }

    /// Rises whenever a user changes. Never 0.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether new users may use all channels.
    pub fn set_all_channels(&mut self, all_channels: bool) {
        self.all_channels = all_channels;
    }

    /// A user.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<&Arc<User>> {
        self.by_name.get(name)
    }

    /// The default user.
    #[must_use]
    pub fn default_user(&self) -> &Arc<User> {
        self.find(DEFAULT_USER).expect("nothing removes the default user")
    }

    /// Whether a client needs no password.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let default = self.default_user();
        default.is_on() && default.takes_any_password()
    }

    /// Everybody, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<User>> {
        self.by_name.values()
    }

    /// The user, if it is on and the password is right. It takes as long for a user that there is
    /// not.
    #[must_use]
    pub fn authenticate(&self, name: &[u8], password: &[u8]) -> Option<&Arc<User>> {
        let hash = PasswordHash::of(password);
        self.find(name).filter(|user| user.has_password(hash) && user.is_on())
    }

    /// ACL SETUSER: all of the rules or none of them.
    ///
    /// # Errors
    ///
    /// The first thing wrong.
    pub fn set_user(&mut self, name: &[u8], rules: &[&[u8]]) -> Result<(), SetUserError> {
        // An empty one could not be read back from a file.
        if name.is_empty() || has_blank(name) {
            return Err(SetUserError::BadName);
        }
        let all_channels = self.all_channels;
        let present = self.by_name.get(name).map(|user| User::clone(user));
        let mut user = present.unwrap_or_else(|| User::new(name, all_channels));
        user.apply_all(rules, all_channels)?;
        self.put(user);
        Ok(())
    }

    /// ACL DELUSER. Whether there was such a user; the default user stays.
    pub fn delete(&mut self, name: &[u8]) -> bool {
        let was_there = name != DEFAULT_USER && self.by_name.remove(name).is_some();
        self.generation += u64::from(was_there);
        was_there
    }

    /// `requirepass`: the one password of the default user, or none.
    pub fn set_default_password(&mut self, password: Option<&[u8]>) {
        let mut user = User::clone(self.default_user());
        user.takes_any_password = password.is_none();
        user.passwords = password.map(PasswordHash::of).into_iter().collect();
        self.put(user);
    }

    /// ACL LOAD: other users instead.
    pub fn replace(&mut self, users: Users) {
        self.by_name = users.by_name;
        self.generation += 1;
    }

    /// The lines of ACL LIST.
    pub fn describe(&self) -> impl Iterator<Item = Vec<u8>> {
        self.iter().map(|user| user.describe())
    }

    /// The default user without any right, for a line that gives it new ones.
    pub(crate) fn forget_default(&mut self) {
        self.put(User::new(DEFAULT_USER, self.all_channels));
    }

    fn put(&mut self, user: User) {
        self.by_name.insert(user.name().into(), Arc::new(user));
        self.generation += 1;
    }
}
