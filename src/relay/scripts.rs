//! Scripts for devices whose connection another node holds.

use super::Relays;
use super::conversation::{Conversation, Heard};
use super::protocol::{FromDevice, Opening, OpeningAt};
use crate::app::App;
use crate::bus::DeviceSignal;
use crate::ids::{DeviceId, NodeId, RunId};
use crate::limits::TERMINAL_LOOK;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// Has another node run a script on a device of it, and gives the output to whoever waits here.
pub(super) async fn ask(app: App, relays: Relays, node: NodeId, device: DeviceId, run: RunId) {
    let wanted = || app.script_runs.script(device, run);
    let Some((script, millis)) = wanted() else {
        return;
    };
    let Some(mut conversation) = Conversation::begin(&relays, &app.bus, app.node, node) else {
        return;
    };
    let script = script.to_string();
    conversation.say(&OpeningAt {
        at: app.now().0,
        opening: Opening::Script {
            device,
            script,
            millis,
        },
    });
    // Whoever waits stops after a time, and with it this does.
    while wanted().is_some() {
        match timeout(TERMINAL_LOOK, conversation.hear::<FromDevice>()).await {
            Ok(Some(Heard::Said(FromDevice::Ran(output)))) => {
                app.script_runs.finish(device, run, output);
                return;
            }
            Ok(Some(_)) | Err(_) => {}
            Ok(None) => return,
        }
    }
}

/// Waits until the other end has left. It says nothing more before.
async fn until_it_ends(conversation: &mut Conversation) {
    while conversation.hear::<Value>().await.is_some() {}
}

/// Runs a script of another node on a device of this one.
pub(super) async fn serve(
    app: &App,
    mut conversation: Conversation,
    device: DeviceId,
    script: String,
    millis: u64,
) {
    let Some(mut waiting) = app.script_runs.begin(device, script, millis) else {
        return;
    };
    app.signal_device(app.node, device, DeviceSignal::Script(waiting.id));
    let time = Duration::from_millis(millis);
    let ran = async {
        tokio::select! {
            output = &mut waiting.output => output.ok(),
            () = until_it_ends(&mut conversation) => None,
        }
    };
    if let Ok(Some(output)) = timeout(time, ran).await {
        conversation.say(&FromDevice::Ran(output));
        conversation.finish().await;
    }
}
