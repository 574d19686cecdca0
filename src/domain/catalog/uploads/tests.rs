//! Uploads at several nodes: contexts with connections of their own to one database, over one file store.

use super::*;
use crate::access::scope::{Grant, Person};
use crate::access::vault::Vault;
use crate::access::{self};
use crate::blob::Blobs;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::domain::context::Policy;
use crate::health::Health;
use crate::ids::NodeId;
use crate::limits::{BLOB_PART_BYTES, DEVICE_CONNECTIONS, UPLOAD_FINISH};
use crate::store::Db;
use crate::store::accounts::{orgs, users};
use crate::store::catalog::uploads::NewPart;
use crate::store::catalog::{keys, products};
use crate::store::tests::postgres;
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Two nodes, and a person who may publish.
struct Nodes {
    a: Context,
    b: Context,
    scope: Scope<Product>,
    clock: Clock,
    folder: TempDir,
}

fn context(db: Db, folder: &Path, node: i64) -> Context {
    Context {
        db,
        blobs: Blobs::local(&folder.join("blobs")).unwrap(),
        bus: Bus::memory(),
        vault: Arc::new(Vault::new(&[7; 32])),
        policy: Arc::new(Policy::default()),
        node: NodeId(node),
        health: Health::default(),
        token_uses: Arc::default(),
        terminals: crate::domain::support::terminals::Terminals::default(),
        remote_requests: Default::default(),
        script_runs: crate::domain::support::script_runs::ScriptRuns::default(),
        key_changes: Arc::default(),
        summaries: Arc::default(),
        limiters: Arc::default(),
        background: TaskTracker::new(),
        stopping: CancellationToken::new(),
    }
}

async fn scope(db: &Db) -> Scope<Product> {
    let (now, email) = (db.now(), "jane@acme.org");
    let mut w = db.write().await.unwrap();
    let org = orgs::add(&mut w, "acme", now).await.unwrap().unwrap();
    let user = users::add(&mut w, email, "Jane", "hash", now).await;
    let id = user.unwrap().unwrap();
    orgs::set_member(&mut w, org, id, "admin", now)
        .await
        .unwrap();
    let product = products::add(&mut w, org, "fixture-product", now).await;
    product.unwrap().unwrap();
    let key = String::from_utf8(fixture("keys/devkey.pub")).unwrap();
    let key = keys::add(&mut w, org, "devkey", key.trim(), "ed25519", now).await;
    key.unwrap().unwrap();
    let person = Person {
        id,
        name: "Jane".into(),
        email: email.into(),
        grant: Grant::default(),
        token: None,
        session: false,
    };
    let scope = access::product_scope(&mut w, person, "acme", "fixture-product").await;
    w.commit().await.unwrap();
    scope.unwrap().unwrap()
}

async fn nodes(url: Option<&str>) -> Nodes {
    let folder = tempfile::tempdir().unwrap();
    let open = async || match url {
        Some(url) => Db::open_postgres(url, DEVICE_CONNECTIONS).await.unwrap(),
        None => Db::open_sqlite(&folder.path().join("n.db")).await.unwrap(),
    };
    let clock = Clock::movable();
    let (a, b) = (open().await, open().await);
    let a = context(a.with_clock(clock.clone()), folder.path(), 1);
    let b = context(b.with_clock(clock.clone()), folder.path(), 2);
    Nodes {
        scope: scope(&a.db).await,
        a,
        b,
        clock,
        folder,
    }
}

macro_rules! both_engines {
    ($($name:ident => $body:ident;)*) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                super::$body(super::nodes(None).await).await;
            }
            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                let Some(url) = super::postgres::database().await else { return };
                super::$body(super::nodes(Some(&url)).await).await;
            }
        }
    )*};
}

both_engines! {
    any_node_goes_on_with_an_upload_and_makes_a_firmware_of_it => goes_on;
    large_requests_are_kept_in_parts_of_bounded_size => large;
    a_stuck_request_stores_what_came_and_gives_way => gives_way;
    a_request_that_is_dropped_keeps_what_came => dropped;
    a_server_that_stops_keeps_what_came => stops;
    a_writer_that_was_taken_for_dead_changes_nothing => taken_for_dead;
    of_two_that_make_a_firmware_at_once_one_does => at_once;
    whoever_died_over_a_complete_upload_leaves_it_complete => died;
    an_upload_that_nobody_goes_on_with_leaves_nothing => expires;
    the_uploads_of_all_nodes_are_counted_together => counted;
}

fn fixture(name: &str) -> Vec<u8> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware-fixtures");
    std::fs::read(all.join(name)).unwrap()
}

fn firmware_file() -> Vec<u8> {
    fixture("good/rpi4-1.0.0.fw")
}

impl Nodes {
    async fn begin(&self, at: &Context, file: &[u8]) -> Result<UploadStatus> {
        let sum = hex::encode(digest(&SHA256, file));
        let size = i64::try_from(file.len()).ok();
        begin(at, &self.scope, size, Some(&sum)).await
    }

    async fn send(&self, at: &Context, id: &str, from: usize, bytes: &[u8]) -> Result<u64> {
        let chunks = bytes
            .chunks(300_000)
            .map(|c| Ok::<_, Infallible>(Bytes::copy_from_slice(c)));
        let all: Vec<_> = chunks.collect();
        let sent = write(at, &self.scope, id, from as u64, stream::iter(all)).await;
        sent.map(|s| s.offset)
    }

    async fn offset(&self, at: &Context, id: &str) -> Result<u64> {
        Ok(status(at, &self.scope, id).await?.offset)
    }

    /// The parts in the file store.
    fn files(&self) -> usize {
        let all = self.folder.path().join("blobs/uploads");
        std::fs::read_dir(all).unwrap().count()
    }

    async fn until_no_files(&self) {
        for _ in 0..200 {
            if self.files() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{} parts are left", self.files());
    }
}

/// A body that brings these bytes and then nothing, as of a client that is gone without a word.
fn silent(
    bytes: &[u8],
) -> impl futures_util::Stream<Item = std::result::Result<Bytes, Infallible>> + Unpin {
    let first = Ok(Bytes::copy_from_slice(bytes));
    stream::iter([first]).chain(stream::pending())
}

async fn goes_on(n: Nodes) {
    let (file, half) = (firmware_file(), 50_000);
    let id = n.begin(&n.a, &file).await.unwrap().id;
    assert_eq!(
        n.send(&n.a, &id, 0, &file[..half]).await.unwrap(),
        half as u64
    );
    assert_eq!(n.offset(&n.b, &id).await.unwrap(), half as u64);
    let again = n.begin(&n.b, &file).await.unwrap();
    assert_eq!((&again.id, again.offset), (&id, half as u64));
    let early = firmware(&n.b, n.scope.clone(), &id).await;
    assert!(matches!(early, Err(DomainError::Conflict(_))), "{early:?}");
    let wrong = n.send(&n.b, &id, 7, &file[7..]).await;
    assert!(matches!(wrong, Err(DomainError::Conflict(_))), "{wrong:?}");
    let whole = n.send(&n.b, &id, half, &file[half..]).await;
    assert_eq!(whole.unwrap(), file.len() as u64);
    assert_eq!(n.files(), 2);
    let made = firmware(&n.a, n.scope.clone(), &id).await.unwrap();
    assert_eq!(made.version, "1.0.0");
    let over = n.offset(&n.b, &id).await;
    assert!(matches!(over, Err(DomainError::NotFound)), "{over:?}");
    n.until_no_files().await;
}

async fn large(n: Nodes) {
    let file: Vec<u8> = (0..2 * BLOB_PART_BYTES + 1_000).map(|i| i as u8).collect();
    let id = n.begin(&n.a, &file).await.unwrap().id;
    let sent = n.send(&n.a, &id, 0, &file).await.unwrap();
    assert_eq!(sent, file.len() as u64);
    let mut w = n.b.db.write().await.unwrap();
    let claimed = uploads::claim(&mut w, &n.scope, &id, n.b.now()).await;
    let parts = uploads::of_upload(&mut w, &claimed.unwrap().unwrap().id).await;
    drop(w);
    let lengths: Vec<_> = parts.unwrap().iter().map(|p| bytes(p.length)).collect();
    let part = BLOB_PART_BYTES as u64;
    assert_eq!(lengths, [part, part, 1_000]);
    // What is no firmware is refused as in one request, and goes.
    let refused = firmware(&n.b, n.scope.clone(), &id).await;
    assert!(
        matches!(refused, Err(DomainError::Detail(_))),
        "{refused:?}"
    );
    n.until_no_files().await;
    // More than was announced is refused, and what came before is kept.
    let file = firmware_file();
    let id = n.begin(&n.a, &file).await.unwrap().id;
    let more = [&file[..], &[0; 400_000]].concat();
    let refused = n.send(&n.a, &id, 0, &more).await;
    assert!(matches!(refused, Err(DomainError::TooLarge)), "{refused:?}");
    assert_eq!(
        n.offset(&n.b, &id).await.unwrap(),
        0,
        "its one chunk was too long"
    );
    cancel(&n.b, &n.scope, &id).await.unwrap();
    assert!(matches!(
        n.offset(&n.a, &id).await,
        Err(DomainError::NotFound)
    ));
}

async fn gives_way(n: Nodes) {
    let file = firmware_file();
    let id = n.begin(&n.a, &file).await.unwrap().id;
    let stuck = write(&n.a, &n.scope, &id, 0, silent(&file[..1_000]));
    let newer = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        let stands = n.offset(&n.b, &id).await.unwrap();
        assert!(
            began.elapsed() < UPLOAD_HANDOVER,
            "it was not waited for in vain"
        );
        stands
    };
    let (stuck, stands) = tokio::join!(stuck, newer);
    assert!(matches!(stuck, Err(DomainError::Bad(_))), "{stuck:?}");
    assert_eq!(stands, 1_000, "what came is kept");
    // A request with bytes makes one with bytes give way as well.
    let stuck = write(&n.b, &n.scope, &id, 1_000, silent(&file[1_000..3_000]));
    let newer = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        n.send(&n.a, &id, 3_000, &file[3_000..]).await
    };
    let (stuck, sent) = tokio::join!(stuck, newer);
    assert!(matches!(stuck, Err(DomainError::Bad(_))), "{stuck:?}");
    assert_eq!(sent.unwrap(), file.len() as u64);
    firmware(&n.b, n.scope.clone(), &id).await.unwrap();
}

async fn dropped(n: Nodes) {
    let file = firmware_file();
    let id = n.begin(&n.a, &file).await.unwrap().id;
    let request = write(&n.a, &n.scope, &id, 0, silent(&file[..1_000]));
    let cut = tokio::time::timeout(Duration::from_millis(300), request).await;
    assert!(cut.is_err(), "it waits for more");
    assert_eq!(n.offset(&n.b, &id).await.unwrap(), 1_000);
}

async fn stops(n: Nodes) {
    let file = firmware_file();
    let id = n.begin(&n.a, &file).await.unwrap().id;
    let request = write(&n.a, &n.scope, &id, 0, silent(&file[..1_000]));
    let stop = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        n.a.stopping.cancel();
    };
    let (cut, ()) = tokio::join!(request, stop);
    assert!(matches!(cut, Err(DomainError::Bad(_))), "{cut:?}");
    assert_eq!(n.offset(&n.b, &id).await.unwrap(), 1_000);
}

async fn taken_for_dead(n: Nodes) {
    let file = firmware_file();
    let id = n.begin(&n.a, &file).await.unwrap().id;
    let mut w = n.a.db.write().await.unwrap();
    let dead = uploads::claim(&mut w, &n.scope, &id, n.a.now()).await;
    let dead = dead.unwrap().unwrap();
    let held = uploads::hold(&mut w, &dead.id, dead.writer).await.unwrap();
    assert_eq!(held, Some(0));
    w.commit().await.unwrap();
    let began = Instant::now();
    let stands = n.send(&n.b, &id, 0, &file[..500]).await.unwrap();
    assert_eq!(stands, 500);
    assert!(began.elapsed() >= UPLOAD_HANDOVER, "it got its time");
    for begins_at in [0, 500] {
        let part = NewPart {
            begins_at,
            length: 10,
            file: uploads::new_part_key(),
        };
        let mut w = n.a.db.write().await.unwrap();
        let late = uploads::append(&mut w, &dead.id, dead.writer, &part, false, n.a.now()).await;
        assert_eq!(late.unwrap(), None);
    }
    assert_eq!(n.offset(&n.a, &id).await.unwrap(), 500);
}

async fn at_once(n: Nodes) {
    let file = firmware_file();
    let id = n.begin(&n.a, &file).await.unwrap().id;
    n.send(&n.a, &id, 0, &file).await.unwrap();
    let (one, other) = tokio::join!(
        firmware(&n.a, n.scope.clone(), &id),
        firmware(&n.b, n.scope.clone(), &id)
    );
    let (made, refused) = match (one, other) {
        (Ok(made), Err(refused)) | (Err(refused), Ok(made)) => (made, refused),
        other => panic!("{other:?}"),
    };
    assert!(matches!(refused, DomainError::NotFound), "{refused:?}");
    let all = crate::domain::catalog::firmwares::list(&n.a.db, &n.scope).await;
    let all: Vec<_> = all.unwrap().into_iter().map(|f| f.id).collect();
    assert_eq!(all, [made.id]);
}

async fn died(n: Nodes) {
    let file = firmware_file();
    let id = n.begin(&n.a, &file).await.unwrap().id;
    n.send(&n.a, &id, 0, &file).await.unwrap();
    let now = n.a.now();
    let mut w = n.a.db.write().await.unwrap();
    let claimed = uploads::claim(&mut w, &n.scope, &id, now).await;
    let claimed = claimed.unwrap().unwrap();
    let until = now.after(UPLOAD_FINISH);
    assert!(
        uploads::take(&mut w, &claimed.id, until, now)
            .await
            .unwrap()
    );
    w.commit().await.unwrap();
    let taken = firmware(&n.b, n.scope.clone(), &id).await;
    assert!(matches!(taken, Err(DomainError::NotFound)), "{taken:?}");
    n.clock.advance(UPLOAD_FINISH + Duration::from_secs(1));
    assert_eq!(n.offset(&n.b, &id).await.unwrap(), file.len() as u64);
    firmware(&n.b, n.scope.clone(), &id).await.unwrap();
}

async fn expires(n: Nodes) {
    let file = firmware_file();
    let id = n.begin(&n.a, &file).await.unwrap().id;
    n.send(&n.a, &id, 0, &file[..1_000]).await.unwrap();
    expire(&n.b).await.unwrap();
    assert_eq!((n.files(), n.offset(&n.b, &id).await.unwrap()), (1, 1_000));
    n.clock.advance(UPLOAD_LIFE + Duration::from_secs(1));
    expire(&n.b).await.unwrap();
    n.until_no_files().await;
    let over = n.offset(&n.a, &id).await;
    assert!(matches!(over, Err(DomainError::NotFound)), "{over:?}");
    // One that is cancelled, and one whose time is over when the same file comes again.
    let id = n.begin(&n.a, &file).await.unwrap().id;
    n.send(&n.a, &id, 0, &file[..1_000]).await.unwrap();
    cancel(&n.b, &n.scope, &id).await.unwrap();
    n.until_no_files().await;
    let id = n.begin(&n.a, &file).await.unwrap().id;
    n.send(&n.a, &id, 0, &file[..1_000]).await.unwrap();
    n.clock.advance(UPLOAD_LIFE + Duration::from_secs(1));
    let new = n.begin(&n.b, &file).await.unwrap();
    assert!(new.id != id && new.offset == 0);
    n.until_no_files().await;
}

async fn counted(n: Nodes) {
    let at = |i: usize| if i.is_multiple_of(2) { &n.a } else { &n.b };
    let files: Vec<[u8; 1]> = (0..=UPLOAD_SESSIONS_A_PERSON).map(|i| [i as u8]).collect();
    let begun = files.iter().enumerate();
    let begun = begun.map(|(i, file)| n.begin(at(i), file));
    let begun = futures_util::future::join_all(begun).await;
    let (begun, refused): (Vec<_>, Vec<_>) = begun.into_iter().partition(Result::is_ok);
    assert_eq!(
        begun.len(),
        UPLOAD_SESSIONS_A_PERSON,
        "though all came at once"
    );
    assert!(matches!(
        refused[..],
        [Err(DomainError::TooMany(UPLOAD_IDLE))]
    ));
    // Of the same file there is one, whoever begins it.
    let one = begun[0].as_ref().unwrap();
    cancel(&n.a, &n.scope, &one.id).await.unwrap();
    let (a, b) = tokio::join!(n.begin(&n.a, b"same"), n.begin(&n.b, b"same"));
    assert_eq!(a.unwrap(), b.unwrap());
}
