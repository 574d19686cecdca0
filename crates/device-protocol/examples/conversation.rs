//! A device joins, and the server's side of the conversation is printed frame by frame.

use device_protocol::session::{Effect, Input, Session, Welcome};
use device_protocol::wire::{Format, Packet};
use device_protocol::{Extensions, Timestamp};
use std::io::Write as _;
use std::time::Duration;

fn main() -> std::io::Result<()> {
    let now = Timestamp(1_700_000_000_000_000);
    let mut session = Session::new(Format::Json, now, Duration::ZERO);
    let join = r#"["1","1","device","phx_join",{"device_api_version":"2.3.0","nerves_fw_version":"1.0.0"}]"#;
    let mut inputs = vec![Input::Frame(Packet::Text(join.into()))];
    let mut out = std::io::stdout().lock();
    while let Some(input) = inputs.pop() {
        for effect in session.handle(input, now) {
            match effect {
                Effect::Send(Packet::Text(frame)) => writeln!(out, "send {frame}")?,
                // A server stores the join before it accepts the device.
                Effect::Join(join) => {
                    writeln!(out, "store {join:?}")?;
                    inputs.push(Input::Joined(Welcome {
                        extensions: Extensions::all(),
                        ..Welcome::default()
                    }));
                }
                other => writeln!(out, "do {other:?}")?,
            }
        }
    }
    Ok(())
}
