//! Tests of consoles, shells, and scripts.

use super::*;

#[test]
fn a_script_runs_on_clients_that_know_it_and_foreign_references_are_ignored() {
    let script = || Input::Script {
        run: RunId(0xab),
        text: "1 + 1".into(),
        millis: 500,
    };
    // Not joined, and too old.
    assert_eq!(
        fresh().handle(script(), at(0)),
        [Effect::Ran(RunId(0xab), None)]
    );
    let mut old = joined(r#"{"device_api_version":"2.0.0"}"#);
    assert_eq!(
        old.handle(script(), at(0)),
        [Effect::Ran(RunId(0xab), None)]
    );
    let mut s = joined(r#"{"device_api_version":"2.1.0"}"#);
    assert_eq!(
        s.handle(script(), at(0)),
        [send(
            r#"[null,null,"device","scripts/run",{"ref":"00000000000000ab","text":"1 + 1","timeout":500}]"#
        )]
    );
    let done =
        r#"["1","9","device","scripts/run",{"ref":"00000000000000ab","output":"\n","return":"2"}]"#;
    assert_eq!(
        s.handle(text(done), at(1)),
        [Effect::Ran(RunId(0xab), Some("2".into()))]
    );
    for other in [r#""connecting_code""#, "7", "null", r#""""#] {
        let m = format!(r#"["1","9","device","scripts/run",{{"ref":{other},"output":"x"}}]"#);
        assert_eq!(s.handle(text(&m), at(1)), []);
    }
}

/// A session whose console is joined in this version.
fn consoled(version: &str, params: &str) -> Session {
    let mut s = joined(params);
    let join = format!(r#"["2","2","console","phx_join",{{"console_version":"{version}"}}]"#);
    let effects = s.handle(text(&join), at(0));
    let reply = send(r#"["2","2","console","phx_reply",{"response":{},"status":"ok"}]"#);
    let open = Effect::Terminal(
        TerminalKind::Console,
        terminal::TerminalOutput::Open(version.into()),
    );
    assert_eq!(effects, [reply, open]);
    s
}

#[test]
fn a_console_that_names_no_version_is_of_the_oldest() {
    for params in [
        "{}",
        r#"{"console_version":""}"#,
        r#"{"console_version":7}"#,
    ] {
        let join = format!(r#"["2","2","console","phx_join",{params}]"#);
        let effects = joined("{}").handle(text(&join), at(0));
        let open = Effect::Terminal(
            TerminalKind::Console,
            terminal::TerminalOutput::Open("1.0.0".into()),
        );
        assert_eq!(effects.get(1), Some(&open), "{params}");
    }
}

#[test]
fn a_console_passes_on_what_it_knows_and_nothing_else() {
    let mut s = consoled("2.0.0", "{}");
    let up = r#"["2","3","console","up",{"data":"iex> "}]"#;
    let shown = Effect::Terminal(
        TerminalKind::Console,
        terminal::TerminalOutput::Output("iex> ".into()),
    );
    assert_eq!(s.handle(text(up), at(1)), [shown]);
    for ignored in [
        r#"["9","3","console","up",{"data":"stale"}]"#,
        r#"["2","3","console","up",{"data":7}]"#,
        r#"["2","3","console","nonsense",{}]"#,
        r#"["2","3","console","metadata",{"version":"forged"}]"#,
    ] {
        assert_eq!(s.handle(text(ignored), at(1)), [], "{ignored}");
    }
    let typed = vec![
        TerminalInput::Event("window_size", json!({"height": 24, "width": 80})),
        TerminalInput::Keys("ab".into()),
    ];
    let effects = s.handle(Input::Terminal(TerminalKind::Console, typed), at(2));
    let expected = [
        Effect::Terminal(
            TerminalKind::Console,
            terminal::TerminalOutput::Open("2.0.0".into()),
        ),
        send(r#"[null,null,"console","window_size",{"height":24,"width":80}]"#),
        send(r#"[null,null,"console","dn",{"data":"a"}]"#),
        send(r#"[null,null,"console","dn",{"data":"b"}]"#),
        send(r#"[null,null,"console","dn",{"data":"\r"}]"#),
    ];
    assert_eq!(effects, expected);
    s.handle(text(r#"["2","4","console","phx_leave",{}]"#), at(3));
    assert_eq!(
        s.handle(Input::Terminal(TerminalKind::Console, Vec::new()), at(3)),
        []
    );
    assert_eq!(s.handle(text(up), at(3)), []);
}

#[test]
fn old_clients_get_code_and_scripts_typed() {
    let mut s = fresh();
    s.handle(
        text(r#"["1","1","device","phx_join",{"console_version":"1.0.0"}]"#),
        at(0),
    );
    let welcome = Welcome {
        connecting_code: Some("IO.puts(1)".into()),
        ..Welcome::default()
    };
    assert_eq!(s.handle(Input::Joined(welcome), at(0)).len(), 1);
    let join = r#"["2","2","console","phx_join",{"console_version":"1.0.0"}]"#;
    let effects = s.handle(text(join), at(0));
    let code = send(r#"[null,null,"console","dn",{"data":"IO.puts(1)\n\r"}]"#);
    assert_eq!(effects.get(2), Some(&code));
    let script = |run| Input::Script {
        run: RunId(run),
        text: "1 + 1".into(),
        millis: 1_000,
    };
    let typed = [
        send(r##"[null,null,"console","dn",{"data":"1 + 1\n# [NERVESHUB:END]"}]"##),
        send(r#"[null,null,"console","dn",{"data":"\r"}]"#),
    ];
    assert_eq!(s.handle(script(5), at(1)), typed);
    // Another script replaces it, and the caller of the first one is told at once.
    let effects = s.handle(script(6), at(1));
    assert_eq!(effects.first(), Some(&Effect::Ran(RunId(5), None)));
    let up = |t: &str| text(&format!(r#"["2","3","console","up",{{"data":"{t}"}}]"#));
    assert_eq!(
        s.handle(up("1 + 1\\r\\n2\\r\\niex(2)> # [NERVES"), at(2))
            .len(),
        1
    );
    let effects = s.handle(up("HUB:END]"), at(2));
    let ran = Effect::Ran(RunId(6), Some("1 + 1\r\n2\r".into()));
    assert_eq!(effects.get(1), Some(&ran));
    assert_eq!(s.handle(up("more"), at(3)).len(), 1);
}

#[test]
fn of_a_terminal_that_prints_too_fast_less_is_shown_and_it_is_said_how_much() {
    let mut s = consoled("2.0.0", "{}");
    let up = r#"["2","3","console","up",{"data":"ten bytes\n"}]"#;
    let mut left_out = 0;
    for _ in 0..crate::limits::OUTPUT_BURST + 50 {
        let effects = s.handle(text(up), at(1));
        assert!(!effects.iter().any(|e| matches!(e, Effect::Close(_))));
        left_out += usize::from(effects.is_empty());
    }
    assert_eq!(left_out, 50);
    // Heartbeats are answered meanwhile.
    let beat = r#"[null,"9","phoenix","heartbeat",{}]"#;
    assert_eq!(s.handle(text(beat), at(1)).len(), 1);
    // File data is never dropped.
    let file = r#"["2","3","console","file-data",{"chunk":1,"data":"eA=="}]"#;
    assert_eq!(s.handle(text(file), at(1)).len(), 1);
    // The notice comes when there is no further output, or before the next output.
    let shown = |effects: Vec<Effect>| match effects.first() {
        Some(Effect::Terminal(TerminalKind::Console, terminal::TerminalOutput::Output(text))) => {
            text.clone()
        }
        other => panic!("{other:?}"),
    };
    let due = s.due().unwrap();
    assert!(due <= at(2));
    let told = shown(s.handle(Input::Tick, due));
    assert!(told.contains("500 bytes are left out"), "{told}");
    assert_eq!(shown(s.handle(text(up), at(5))), "ten bytes\n");
    for _ in 0..=crate::limits::OUTPUT_BURST {
        s.handle(text(up), at(5));
    }
    let told = shown(s.handle(text(up), at(7)));
    assert!(
        told.contains("bytes are left out") && told.ends_with("ten bytes\n"),
        "{told}"
    );
    // Without a console the same messages are a flood.
    let mut s = joined("{}");
    let flood = (0..crate::limits::MESSAGE_BURST + 1).map(|_| s.handle(text(up), at(1)));
    assert_eq!(flood.last(), Some(vec![Effect::Close(Close::Flood)]));
}

#[test]
fn a_shell_is_asked_for_at_once_and_shows_what_it_prints() {
    let mut s = extended(Extensions::all());
    let attached = r#"["3","4","extensions","local_shell:attached",{}]"#;
    let effects = s.handle(text(attached), at(1));
    let expected = [
        send(r#"[null,null,"extensions","local_shell:request_shell",{}]"#),
        Effect::Terminal(
            TerminalKind::Shell,
            terminal::TerminalOutput::Open("".into()),
        ),
    ];
    assert_eq!(effects, expected);
    let said = |event: &str, payload: &str| {
        text(&format!(
            r#"["3","5","extensions","local_shell:{event}",{payload}]"#
        ))
    };
    let shown = |said| vec![Effect::Terminal(TerminalKind::Shell, said)];
    assert_eq!(
        s.handle(said("shell_output", r#"{"data":"$ "}"#), at(1)),
        shown(terminal::TerminalOutput::Output("$ ".into()))
    );
    assert_eq!(
        s.handle(said("shell_exited", r#"{"exit_code":1}"#), at(1)),
        shown(terminal::TerminalOutput::Event(
            "exited",
            json!({"exit_code": 1})
        ))
    );
    let status = json!({"status": "failed", "reason": "no expty"});
    assert_eq!(
        s.handle(said("request_status", &status.to_string()), at(1)),
        shown(terminal::TerminalOutput::Event("status", status))
    );
    let typed = vec![TerminalInput::Event("shell_input", json!({"data": "ls\n"}))];
    let effects = s.handle(Input::Terminal(TerminalKind::Shell, typed), at(2));
    let input = send(r#"[null,null,"extensions","local_shell:shell_input",{"data":"ls\n"}]"#);
    assert_eq!(effects.get(1), Some(&input));
}
