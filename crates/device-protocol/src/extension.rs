//! The extensions of the protocol, and sets of them.

/// An extension of the device protocol that this server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// Health reports.
    Health = 1,
    /// Where the device is.
    Geo = 2,
    /// Log lines.
    Logging = 4,
    /// A shell of the operating system.
    LocalShell = 8,
    /// Keys that the device holds on other networks.
    NetworkIdentity = 16,
}

impl Extension {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Health,
        Self::Geo,
        Self::Logging,
        Self::LocalShell,
        Self::NetworkIdentity,
    ];

    /// Its word on the wire and in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Geo => "geo",
            Self::Logging => "logging",
            Self::LocalShell => "local_shell",
            Self::NetworkIdentity => "network_identity",
        }
    }

    /// Reads its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.word() == word)
    }
}

/// A set of extensions, a bit each; so it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extensions(u8);

impl Extensions {
    /// All of them.
    pub fn all() -> Self {
        Self::of(|_| true)
    }

    /// Those that are wanted.
    pub fn of(wanted: impl Fn(Extension) -> bool) -> Self {
        Extension::ALL
            .into_iter()
            .fold(Self::default(), |all, e| all.set(e, wanted(e)))
    }

    /// Whether one is in it.
    pub fn has(self, one: Extension) -> bool {
        self.0 & one as u8 != 0
    }

    /// With one put in or taken out.
    #[must_use]
    pub fn set(self, one: Extension, on: bool) -> Self {
        if on {
            Self(self.0 | one as u8)
        } else {
            Self(self.0 & !(one as u8))
        }
    }

    /// What is in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is not in the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Their words.
    pub fn words(self) -> Vec<&'static str> {
        Extension::ALL
            .into_iter()
            .filter(|e| self.has(*e))
            .map(Extension::word)
            .collect()
    }

    /// As it is stored; bits that no extension of this version has are dropped.
    pub fn of_bits(bits: i64) -> Self {
        Self(u8::try_from(bits & Self::all().bits()).unwrap_or(0))
    }

    /// To be stored.
    pub fn bits(self) -> i64 {
        i64::from(self.0)
    }
}
