//! Exit codes.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// 0: done.
    Done,
    /// 1: it failed; the reason is on stderr.
    Failed,
    /// 64: a setting cannot be; nothing was started.
    BadConfig,
    /// 65: the firmware file is not good.
    BadFirmware,
}

impl From<Code> for std::process::ExitCode {
    fn from(code: Code) -> Self {
        Self::from(match code {
            Code::Done => 0,
            Code::Failed => 1,
            Code::BadConfig => 64,
            Code::BadFirmware => 65,
        })
    }
}
