//! The extensions of the device protocol, and sets of them.

/// An extension that this server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// Health reports.
    Health = 1,
    /// The position of the device.
    Geo = 2,
    /// Log lines.
    Logging = 4,
    /// A shell of the device's operating system.
    LocalShell = 8,
    /// The device's identities (public keys) on other networks.
    NetworkIdentity = 16,
}

impl Extension {
    /// Every extension.
    pub const ALL: [Self; 5] = [
        Self::Health,
        Self::Geo,
        Self::Logging,
        Self::LocalShell,
        Self::NetworkIdentity,
    ];

    /// The extension's name on the wire and in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Geo => "geo",
            Self::Logging => "logging",
            Self::LocalShell => "local_shell",
            Self::NetworkIdentity => "network_identity",
        }
    }

    /// Parses an extension's name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.word() == word)
    }
}

/// A set of extensions, with one bit for each. The bits are also its stored form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extensions(u8);

impl Extensions {
    /// The set of every extension.
    pub fn all() -> Self {
        Self::of(|_| true)
    }

    /// The set of extensions for which `wanted` is true.
    pub fn of(wanted: impl Fn(Extension) -> bool) -> Self {
        Extension::ALL
            .into_iter()
            .fold(Self::default(), |all, e| all.set(e, wanted(e)))
    }

    /// Whether the set contains an extension.
    pub fn has(self, one: Extension) -> bool {
        self.0 & one as u8 != 0
    }

    /// The set with an extension added or removed.
    #[must_use]
    pub fn set(self, one: Extension, on: bool) -> Self {
        if on {
            Self(self.0 | one as u8)
        } else {
            Self(self.0 & !(one as u8))
        }
    }

    /// The intersection of two sets.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The extensions that are not in the other set.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The names of the extensions in the set.
    pub fn words(self) -> Vec<&'static str> {
        Extension::ALL
            .into_iter()
            .filter(|e| self.has(*e))
            .map(Extension::word)
            .collect()
    }

    /// Reads the stored form. Bits that stand for no extension of this version are dropped.
    pub fn of_bits(bits: i64) -> Self {
        Self(u8::try_from(bits & Self::all().bits()).unwrap_or(0))
    }

    /// The form to store.
    pub fn bits(self) -> i64 {
        i64::from(self.0)
    }
}
