//! A mail server of a test's own, and what came to it.

use super::{Engine, Server};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The mails, as they came.
pub type Inbox = Arc<Mutex<Vec<String>>>;

/// Takes mails as RFC 5321 has it.
pub async fn mail_server() -> (String, Inbox) {
    let inbox = Inbox::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let kept = inbox.clone();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            tokio::spawn(dialogue(socket, kept.clone()));
        }
    });
    (url, inbox)
}

async fn dialogue(socket: TcpStream, inbox: Inbox) {
    let (reader, mut writer) = socket.into_split();
    let mut lines = BufReader::new(reader).lines();
    let _ = writer.write_all(b"220 test\r\n").await;
    while let Ok(Some(line)) = lines.next_line().await {
        let answer: &[u8] = match line.get(..4).unwrap_or_default() {
            "DATA" => {
                let _ = writer.write_all(b"354 go on\r\n").await;
                let mut mail = String::new();
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    mail.push_str(&line);
                    mail.push('\n');
                }
                inbox.lock().unwrap().push(mail);
                b"250 taken\r\n"
            }
            "RCPT" if line.contains("nobody@") => b"550 no such person\r\n",
            "QUIT" => b"221 bye\r\n",
            _ => b"250 fine\r\n",
        };
        let _ = writer.write_all(answer).await;
    }
}

/// The mail that holds both texts, when it has come; soft line ends of quoted-printable are taken out.
pub async fn mail(inbox: &Inbox, to: &str, part: &str) -> String {
    let started = Instant::now();
    loop {
        let all = inbox.lock().unwrap().clone();
        let plain = all.iter().map(|m| m.replace("=\n", "").replace("=3D", "="));
        let wanted = format!("To: {to}");
        if let Some(found) = plain
            .into_iter()
            .find(|m| m.contains(&wanted) && m.contains(part))
        {
            return found;
        }
        let late = started.elapsed() > Duration::from_secs(30);
        assert!(!late, "no mail to {to} with {part:?} among {all:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The path of the link to this page in a mail.
pub fn link(mail: &str, page: &str) -> String {
    let base = "https://n.acme.org";
    let start = mail.find(&format!("{base}{page}")).unwrap();
    let link = mail[start..].split_whitespace().next().unwrap();
    link.strip_prefix(base).unwrap().to_owned()
}

/// A server that sends mail, with these further flags.
pub async fn with_mail(engine: Engine, more: &[&str]) -> Option<(Server, Inbox)> {
    let (url, inbox) = mail_server().await;
    let own = [
        "--smtp-url",
        &url,
        "--mail-from",
        "Nervecenter <ota@acme.org>",
        "--web-url",
        "https://n.acme.org",
    ];
    let server = Server::with(engine, &[&own, more].concat()).await?;
    Some((server, inbox))
}
