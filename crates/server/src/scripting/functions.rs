//! FUNCTION and FCALL: libraries of functions. Their code is part of the state and stands in the log;
//! what it compiles to is kept here and made again when the server starts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use engine::pattern::{Case, glob_matches};
use engine::{CommandError, Op, Reply};
use protocol::{Given, RestorePolicy, ScriptAccess};
use script::{FunctionInfo, Library, Runtime, ScriptFlags};

use super::running::Kind;
use super::{dump, new_runtime, text};
use crate::core::{Core, Shared};
use crate::execute::{Executor, Outcome};

/// Compiled libraries, and the Lua state that they are in.
#[derive(Debug, Default)]
pub(super) struct Functions {
    runtime: Option<Arc<Runtime>>,
    libraries: BTreeMap<Vec<u8>, Library>,
    /// From a function's name in lower case to its library and its place there.
    by_name: HashMap<Vec<u8>, (Vec<u8>, usize)>,
}

const NOT_FOUND: CommandError = CommandError::Fixed("ERR Function not found");

impl Functions {
    fn runtime(&mut self, shared: &Shared) -> Result<Arc<Runtime>, CommandError> {
        match &self.runtime {
            Some(runtime) => Ok(Arc::clone(runtime)),
            None => {
                let runtime = Arc::new(new_runtime(shared, true)?);
                self.runtime = Some(Arc::clone(&runtime));
                Ok(runtime)
            }
        }
    }

    fn find(&self, name: &[u8]) -> Option<FunctionInfo> {
        let (library, at) = self.by_name.get(&name.to_ascii_lowercase())?;
        self.libraries.get(library)?.functions.get(*at).cloned()
    }

    /// Runs the code of a library, without keeping anything.
    fn load(&mut self, code: &[u8], shared: &Shared) -> Result<Library, CommandError> {
        let runtime = self.runtime(shared)?;
        shared.script.begin(Kind::Loading, b"", &[], None, None);
        let loaded = runtime.load_library(code);
        shared.script.end();
        loaded.map_err(text)
    }

    /// Whether a function of `library` is one of another library, which is not in `gone`.
    fn clash<'l>(&self, library: &'l Library, gone: &[Vec<u8>]) -> Option<&'l [u8]> {
        let names = library.functions.iter().map(|function| &*function.name);
        names.into_iter().find(|name| {
            self.by_name
                .get(&name.to_ascii_lowercase())
                .is_some_and(|(owner, _)| *owner != library.name && !gone.contains(owner))
        })
    }

    fn put(&mut self, library: Library) {
        self.remove(&library.name.clone());
        for (at, function) in library.functions.iter().enumerate() {
            let place = (library.name.clone(), at);
            self.by_name.insert(function.name.to_ascii_lowercase(), place);
        }
        self.libraries.insert(library.name.clone(), library);
    }

    fn remove(&mut self, name: &[u8]) {
        if self.libraries.remove(name).is_some() {
            self.by_name.retain(|_, (library, _)| library != name);
        }
    }

    fn counts(&self) -> (usize, usize) {
        (self.libraries.len(), self.by_name.len())
    }

    /// Libraries, functions, bytes of code, bytes of the Lua state.
    pub(super) fn facts(&self) -> (u64, u64, u64, u64) {
        let code: usize = self.libraries.values().map(|library| library.code.len()).sum();
        let lua = self.runtime.as_ref().map_or(0, |runtime| runtime.memory());
        let (libraries, functions) = self.counts();
        (libraries as u64, functions as u64, code as u64, lua as u64)
    }
}

impl Core {
    /// Compiles the libraries that were recovered. One that cannot be is told about and stays in the
    /// data: another version of the server, or more memory, may make it run again.
    pub(crate) fn load_libraries(&mut self, shared: &Shared) {
        let codes: Vec<Vec<u8>> =
            self.database.engine().libraries().map(|(_, code)| code.to_vec()).collect();
        for code in codes {
            match self.scripts.functions.load(&code, shared) {
                Ok(library) => self.scripts.functions.put(library),
                Err(error) => tracing::error!(%error, "a library of functions cannot be loaded"),
            }
        }
    }
}

impl Executor<'_> {
    pub(super) fn call_function(
        &mut self,
        name: &[u8],
        numkeys: Option<i64>,
        rest: &[&[u8]],
        access: ScriptAccess,
        command: &[&[u8]],
    ) -> Outcome {
        let Some(function) = self.core.scripts.functions.find(name) else {
            return Outcome::from(NOT_FOUND);
        };
        let Some(count) = numkeys else {
            return Outcome::from(CommandError::Fixed("ERR Bad number of keys provided"));
        };
        let prepared = Given::split(count, rest)
            .and_then(|given| Ok((given, self.rules(function.flags, access)?)))
            .and_then(|(given, rules)| {
                Ok((given, rules, self.core.scripts.functions.runtime(self.shared)?))
            });
        let (given, rules, runtime) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Outcome::from(error),
        };
        let limit = self.reply_limit();
        self.run_script(Kind::Function, &function.name, command, rules, |host| {
            runtime.call(&function, given.keys, given.args, limit, host)
        })
    }

    pub(super) fn function_load(
        &mut self,
        code: &[u8],
        replaces: bool,
    ) -> Result<Outcome, CommandError> {
        let header = script::library_header(code).map_err(text)?;
        if !replaces && self.core.scripts.functions.libraries.contains_key(&header.name) {
            let parts: [&[u8]; 3] = [b"ERR Library '", &header.name, b"' already exists"];
            return Err(text(parts.concat()));
        }
        let library = self.core.scripts.functions.load(code, self.shared)?;
        if let Some(function) = self.core.scripts.functions.clash(&library, &[]) {
            let parts: [&[u8]; 3] = [b"ERR Function ", function, b" already exists"];
            return Err(text(parts.concat()));
        }
        let op = Op::LibrarySet { name: &library.name, code };
        let lsn = self.core.database.change_libraries(&[op], self.now)?;
        let reply = Reply::bulk(&library.name);
        self.core.scripts.functions.put(library);
        Ok(Outcome::answer(reply, lsn))
    }

    pub(super) fn function_delete(&mut self, name: &[u8]) -> Result<Outcome, CommandError> {
        let is_known = self.core.database.engine().libraries().any(|(own, _)| own == name);
        if !is_known {
            return Err(CommandError::Fixed("ERR Library not found"));
        }
        let lsn = self.core.database.change_libraries(&[Op::LibraryDelete { name }], self.now)?;
        self.core.scripts.functions.remove(name);
        Ok(Outcome::answer(Reply::Ok, lsn))
    }

    pub(super) fn function_flush(&mut self) -> Result<Outcome, CommandError> {
        let names = self.library_names();
        let ops: Vec<Op<'_>> = names.iter().map(|name| Op::LibraryDelete { name }).collect();
        let lsn = self.core.database.change_libraries(&ops, self.now)?;
        // With a Lua state of their own, so that nothing of the old ones stays.
        self.core.scripts.functions = Functions::default();
        Ok(Outcome::answer(Reply::Ok, lsn))
    }

    fn library_names(&self) -> Vec<Vec<u8>> {
        self.core.database.engine().libraries().map(|(name, _)| name.to_vec()).collect()
    }

    pub(super) fn function_list(&self, pattern: Option<&[u8]>, with_code: bool) -> Reply {
        let libraries = self.core.scripts.functions.libraries.values();
        let shown = libraries.filter(|library| {
            pattern.is_none_or(|pattern| glob_matches(pattern, &library.name, Case::Insensitive))
        });
        Reply::Array(shown.map(|library| describe(library, with_code)).collect())
    }

    pub(super) fn function_dump(&self) -> Reply {
        let codes = self.core.database.engine().libraries().map(|(_, code)| code);
        Reply::bulk(&dump::dump(codes))
    }

    pub(super) fn function_restore(
        &mut self,
        payload: &[u8],
        policy: RestorePolicy,
    ) -> Result<Outcome, CommandError> {
        let codes = dump::restore(payload)?;
        let mut loaded: Vec<Library> = Vec::with_capacity(codes.len());
        for code in &codes {
            let library = self.core.scripts.functions.load(code, self.shared)?;
            let is_twice = |other: &Library| {
                other.name == library.name
                    || other.functions.iter().any(|function| {
                        library
                            .functions
                            .iter()
                            .any(|own| own.name.eq_ignore_ascii_case(&function.name))
                    })
            };
            if loaded.iter().any(is_twice) {
                let parts: [&[u8]; 3] = [b"ERR Library ", &library.name, b" already exists"];
                return Err(text(parts.concat()));
            }
            loaded.push(library);
        }
        let present = self.library_names();
        let replaced: Vec<Vec<u8>> = match policy {
            RestorePolicy::Flush => present.clone(),
            RestorePolicy::Append => Vec::new(),
            RestorePolicy::Replace => loaded.iter().map(|library| library.name.clone()).collect(),
        };
        for library in &loaded {
            if present.contains(&library.name) && !replaced.contains(&library.name) {
                let parts: [&[u8]; 3] = [b"ERR Library ", &library.name, b" already exists"];
                return Err(text(parts.concat()));
            }
            if let Some(function) = self.core.scripts.functions.clash(library, &replaced) {
                let parts: [&[u8]; 3] = [b"ERR Function ", function, b" already exists"];
                return Err(text(parts.concat()));
            }
        }
        let gone = replaced.iter().filter(|name| present.contains(name));
        let ops: Vec<Op<'_>> = gone
            .map(|name| Op::LibraryDelete { name })
            .chain(
                loaded
                    .iter()
                    .map(|library| Op::LibrarySet { name: &library.name, code: &library.code }),
            )
            .collect();
        let lsn = self.core.database.change_libraries(&ops, self.now)?;
        replaced.iter().for_each(|name| self.core.scripts.functions.remove(name));
        for library in loaded {
            self.core.scripts.functions.put(library);
        }
        Ok(Outcome::answer(Reply::Ok, lsn))
    }

    pub(super) fn function_stats(&self) -> Reply {
        let (libraries, functions) = self.core.scripts.functions.counts();
        Reply::Map(vec![
            (Reply::text("running_script"), self.shared.script.describe()),
            (
                Reply::text("engines"),
                Reply::Map(vec![(
                    Reply::text("LUA"),
                    Reply::Map(vec![
                        (Reply::text("libraries_count"), Reply::count(libraries)),
                        (Reply::text("functions_count"), Reply::count(functions)),
                    ]),
                )]),
            ),
        ])
    }
}

fn describe(library: &Library, with_code: bool) -> Reply {
    let functions = library.functions.iter().map(|function| {
        let flags = ScriptFlags::NAMED.iter().filter(|(flag, _)| function.flags.contains(*flag));
        Reply::Map(vec![
            (Reply::text("name"), Reply::bulk(&function.name)),
            (
                Reply::text("description"),
                function.description.as_ref().map_or(Reply::Nil, |text| Reply::bulk(text)),
            ),
            (
                Reply::text("flags"),
                Reply::Set(flags.map(|(_, name)| Reply::Simple(name)).collect()),
            ),
        ])
    });
    let mut pairs = vec![
        (Reply::text("library_name"), Reply::bulk(&library.name)),
        (Reply::text("engine"), Reply::text("LUA")),
        (Reply::text("functions"), Reply::Array(functions.collect())),
    ];
    if with_code {
        pairs.push((Reply::text("library_code"), Reply::bulk(&library.code)));
    }
    Reply::Map(pairs)
}
