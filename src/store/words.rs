//! Closed sets of words: an enum in the program, text in the database and in the API.

use serde::Serialize;
use sqlx::error::BoxDynError;

/// A value that is kept as one of a few words.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal),+ $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$what])* $variant),+
        }

        impl $name {
            /// The words, in the order of the values.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word in the API and in the database.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// The value that a word stands for. Upper and lower case differ.
            pub fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.word())
            }
        }

        impl<DB: sqlx::Database> sqlx::Type<DB> for $name
        where
            String: sqlx::Type<DB>,
        {
            fn type_info() -> DB::TypeInfo {
                <String as sqlx::Type<DB>>::type_info()
            }

            fn compatible(ty: &DB::TypeInfo) -> bool {
                <String as sqlx::Type<DB>>::compatible(ty)
            }
        }

        impl<'q, DB: sqlx::Database> sqlx::Encode<'q, DB> for $name
        where
            &'q str: sqlx::Encode<'q, DB>,
        {
            fn encode_by_ref(
                &self,
                to: &mut DB::ArgumentBuffer,
            ) -> Result<sqlx::encode::IsNull, BoxDynError> {
                sqlx::Encode::<'q, DB>::encode(self.word(), to)
            }
        }

        impl<'r, DB: sqlx::Database> sqlx::Decode<'r, DB> for $name
        where
            String: sqlx::Decode<'r, DB>,
        {
            fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
                let word = <String as sqlx::Decode<'r, DB>>::decode(value)?;
                let unknown = || format!("{word:?} is none of {}", Self::WORDS.join(", "));
                Self::parse(&word).ok_or_else(|| unknown().into())
            }
        }
    )*};
}

words! {
    /// A role in an organization. Each includes those before it (docs/protocol/rules.md, "Roles").
    Role {
        /// May read.
        View = "view",
        /// May change what the organization holds.
        Manage = "manage",
        /// May change members and products.
        Admin = "admin",
    }

    /// What an API token allows its person to do.
    Access {
        /// Everything that the person may do.
        Full = "full",
        /// Only reading.
        Read = "read",
        /// Only publishing firmware.
        Publish = "publish",
    }

    /// What a node serves.
    NodeRole {
        /// Devices and people.
        All = "all",
        /// People: the API and the console.
        Web = "web",
        /// Devices: their sockets and their downloads.
        Device = "device",
    }

    /// How far a delta between two firmwares is.
    DeltaState {
        /// It is requested, or being made.
        Processing = "processing",
        /// It is stored and can be offered.
        Completed = "completed",
        /// It cannot be made.
        Failed = "failed",
        /// It took too long, or nodes stopped each time that they made it.
        TimedOut = "timed_out",
    }

    /// Which of the waiting devices of a deployment group is updated first.
    QueueOrder {
        /// The device that connected first.
        FirstIn = "FIFO",
        /// The device that connected last.
        LastIn = "LIFO",
    }

    /// How many tags of a deployment group a device needs.
    TagOperator {
        /// All of them.
        And = "and",
        /// One of them.
        Or = "or",
    }

    /// What a device speaks over.
    NetworkInterface {
        /// A wireless network.
        Wifi = "wifi",
        /// A cable.
        Ethernet = "ethernet",
        /// A mobile network.
        Cellular = "cellular",
        /// It did not say, or something else.
        Unknown = "unknown",
    }

    /// Whether a device marked the firmware that it runs as good, so that it does not revert.
    Validation {
        /// It did.
        Validated = "validated",
        /// It did not yet.
        NotValidated = "not_validated",
        /// It did not say: an old client, or firmware without validation.
        Unknown = "unknown",
    }

    /// What is known of a device's connection.
    ConnectionState {
        /// The socket is open, and the device channel not joined.
        Connecting = "connecting",
        /// The device channel is joined.
        Connected = "connected",
        /// It is over.
        Disconnected = "disconnected",
    }

    /// How far the delivery of a webhook's message is.
    DeliveryState {
        /// It is tried, or tried again later.
        Pending = "pending",
        /// The receiver took it.
        Delivered = "delivered",
        /// It was given up.
        Failed = "failed",
    }

    /// How far a mail is.
    MailState {
        /// It is tried, or tried again later.
        Pending = "pending",
        /// The mail server took it.
        Sent = "sent",
        /// It was given up.
        Failed = "failed",
    }

    /// Which file a device is sent for an update.
    FileSent {
        /// The whole firmware.
        Full = "full",
        /// The difference to what it runs.
        Delta = "delta",
    }

    /// How an attempt to update a device ended (docs/protocol/rules.md, "Outcome of an update").
    AttemptOutcome {
        /// The device runs the new firmware.
        Installed = "installed",
        /// It ran the new firmware, and went back to the earlier one.
        Reverted = "reverted",
        /// The device could not install it.
        Failed = "failed",
        /// The application refused it.
        Ignored = "ignored",
        /// The device asked for it later.
        Rescheduled = "rescheduled",
        /// The device came back with the firmware that it had before.
        Returned = "returned",
        /// The device came back with firmware that no update brought.
        OtherFirmware = "other_firmware",
        /// Nothing was heard of it for too long.
        Lapsed = "lapsed",
        /// The server took it back, because the device moved or the firmware is not to be had any more.
        Withdrawn = "withdrawn",
    }

    /// What a rollout of a release does.
    RolloutState {
        /// It goes on by itself.
        Running = "running",
        /// A person paused it.
        Paused = "paused",
        /// It stopped by itself, because too many devices failed.
        Stopped = "stopped",
        /// A person ended it for good.
        Aborted = "aborted",
    }

    /// How much a notification matters.
    NotificationLevel {
        /// Something happened.
        Info = "info",
        /// Somebody should look.
        Warning = "warning",
        /// Something failed.
        Error = "error",
    }

    /// What the metrics of a health report say (docs/protocol/device.md, "health").
    HealthState {
        /// Each known metric is below its thresholds.
        Healthy = "healthy",
        /// A metric reached its first threshold.
        Warning = "warning",
        /// A metric reached its second threshold.
        Unhealthy = "unhealthy",
        /// The report has no known metric.
        Unknown = "unknown",
    }

    /// What is done to many devices at once.
    BulkAction {
        /// They get tags beside those that they have.
        TagsAdd = "tags_add",
        /// They lose tags.
        TagsRemove = "tags_remove",
        /// They get these tags instead of those that they have.
        TagsSet = "tags_set",
        /// They are put into a deployment group, or taken out of theirs.
        Group = "group",
        /// Their automatic updates are switched on or off.
        Updates = "updates",
        /// They leave the penalty box.
        ClearPenalty = "clear_penalty",
        /// They are told to reboot.
        Reboot = "reboot",
        /// Their connections are closed, so that they connect again.
        Reconnect = "reconnect",
        /// A firmware is pushed to them.
        Firmware = "firmware",
        /// They run a support script.
        Script = "script",
        /// They go to another product.
        Move = "move",
        /// They are deleted, so that they can be restored.
        Delete = "delete",
        /// They are restored.
        Restore = "restore",
    }

    /// How far a job over many devices is.
    JobState {
        /// It goes on.
        Running = "running",
        /// It has come to all of its devices.
        Done = "done",
        /// A person ended it.
        Cancelled = "cancelled",
        /// The server ended it.
        Failed = "failed",
    }

    /// How far the run of a job's script is on a device.
    JobRunState {
        /// The device was told.
        Running = "running",
        /// Its answer has come.
        Answered = "answered",
        /// No answer came.
        Failed = "failed",
    }

    /// What a job has come to at a device.
    JobOutcome {
        /// The device was changed or told, or it answered the script.
        Changed = "changed",
        /// It was as it should be.
        Unchanged = "unchanged",
        /// It was left as it was, for a reason.
        Refused = "refused",
        /// It was told to run a script, and no answer came.
        Failed = "failed",
    }
}

impl Default for Access {
    /// What a token without a limit allows.
    fn default() -> Self {
        Self::Full
    }
}
