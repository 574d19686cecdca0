//! Exit codes of the command line.

/// The outcome of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// 0: success.
    Done,
    /// 1: failure; the reason is on stderr.
    Failed,
    /// 64: a setting is invalid; nothing was started.
    BadConfig,
    /// 65: the firmware file is invalid.
    BadFirmware,
    /// 77: nobody is logged in, or the server denies this token the action.
    Denied,
}

impl From<Code> for std::process::ExitCode {
    fn from(code: Code) -> Self {
        Self::from(match code {
            Code::Done => 0,
            Code::Failed => 1,
            Code::BadConfig => 64,
            Code::BadFirmware => 65,
            Code::Denied => 77,
        })
    }
}

/// The exit codes as a section of the manual page.
pub const MANUAL: &str = "\
.SH \"EXIT STATUS\"
.TP
0
Done.
.TP
1
It failed; the reason is on stderr.
.TP
2
The command line cannot be read.
.TP
64
A setting of the server cannot be; nothing was started.
.TP
65
The firmware file is not good.
.TP
77
Nobody is logged in, or the server does not let this token do it.
";
