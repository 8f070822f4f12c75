//! The first line of a script or a library: `#!lua name=x flags=a,b`.

/// What a script says about itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScriptFlags(u8);

impl ScriptFlags {
    /// It changes nothing.
    pub const NO_WRITES: Self = Self(1);
    /// It may run while memory is short.
    pub const ALLOW_OOM: Self = Self(1 << 1);
    /// It may run on a replica that has lost its master.
    pub const ALLOW_STALE: Self = Self(1 << 2);
    /// Not in a cluster.
    pub const NO_CLUSTER: Self = Self(1 << 3);
    /// Keys of several slots.
    pub const ALLOW_CROSS_SLOT_KEYS: Self = Self(1 << 4);
    /// The script says nothing about itself: it is judged command by command.
    pub const UNSAID: Self = Self(1 << 5);

    /// Flags with their names, in the order in which FUNCTION LIST tells them.
    pub const NAMED: [(Self, &'static str); 5] = [
        (Self::NO_WRITES, "no-writes"),
        (Self::ALLOW_OOM, "allow-oom"),
        (Self::ALLOW_STALE, "allow-stale"),
        (Self::NO_CLUSTER, "no-cluster"),
        (Self::ALLOW_CROSS_SLOT_KEYS, "allow-cross-slot-keys"),
    ];

    /// Whether all of `flags` are set.
    #[must_use]
    pub fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// With `flags` as well.
    #[must_use]
    pub fn with(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }

    /// The flag of this name, in any case.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        let mut flags = Self::NAMED.iter();
        flags.find(|(_, own)| own.as_bytes().eq_ignore_ascii_case(name)).map(|(flag, _)| *flag)
    }
}

/// A script without its first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shebang {
    /// What it says about itself.
    pub flags: ScriptFlags,
    /// Bytes of the first line, without its end.
    pub length: usize,
    /// The library's name.
    pub name: Vec<u8>,
}

/// Reads the first line of a script; a script without one says nothing about itself.
///
/// # Errors
/// The text for the client.
pub fn script_header(body: &[u8]) -> Result<Shebang, Vec<u8>> {
    if !body.starts_with(b"#!") {
        return Ok(Shebang { flags: ScriptFlags::UNSAID, length: 0, name: Vec::new() });
    }
    let Some(length) = body.iter().position(|&byte| byte == b'\n') else {
        return Err(b"ERR Invalid script shebang".to_vec());
    };
    let mut words = words(&body[..length]);
    let engine = words.next().unwrap_or_default();
    if !engine.eq_ignore_ascii_case(b"#!lua") {
        return Err([b"ERR Unexpected engine in script shebang: ", engine].concat());
    }
    let mut flags = ScriptFlags::default();
    for word in words {
        let Some(list) = word.strip_prefix(b"flags=") else {
            return Err([b"ERR Unknown lua shebang option: ", word].concat());
        };
        for name in list.split(|&byte| byte == b',').filter(|name| !name.is_empty()) {
            let flag = ScriptFlags::named(name)
                .ok_or_else(|| [b"ERR Unexpected flag in script shebang: ", name].concat())?;
            flags = flags.with(flag);
        }
    }
    Ok(Shebang { flags, length, name: Vec::new() })
}

/// Reads the first line of a library.
///
/// # Errors
/// The text for the client.
pub fn library_header(code: &[u8]) -> Result<Shebang, Vec<u8>> {
    if !code.starts_with(b"#!") {
        return Err(b"ERR Missing library metadata".to_vec());
    }
    let Some(length) = code.iter().position(|&byte| byte == b'\n') else {
        return Err(b"ERR Invalid library metadata".to_vec());
    };
    let mut words = words(&code[..length]);
    let engine = words.next().unwrap_or_default().strip_prefix(b"#!").unwrap_or_default();
    let mut name: Option<&[u8]> = None;
    for word in words {
        match (word.get(..5), word.get(5..)) {
            (Some(start), Some(given)) if start.eq_ignore_ascii_case(b"name=") => {
                if name.is_some() {
                    return Err(
                        b"ERR Invalid metadata value, name argument was given multiple times"
                            .to_vec(),
                    );
                }
                name = Some(given);
            }
            _ => return Err([b"ERR Invalid metadata value given: ", word].concat()),
        }
    }
    let Some(name) = name else {
        return Err(b"ERR Library name was not given".to_vec());
    };
    if !is_name(name) {
        return Err(b"ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long".to_vec());
    }
    if !engine.eq_ignore_ascii_case(b"lua") {
        let text: [&[u8]; 3] = [b"ERR Engine '", engine, b"' not found"];
        return Err(text.concat());
    }
    Ok(Shebang { flags: ScriptFlags::default(), length, name: name.to_vec() })
}

/// Whether a library or a function may be called so.
pub(crate) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}
