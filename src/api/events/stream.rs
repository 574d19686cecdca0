//! What happens to devices as Server-Sent Events (WHATWG HTML, 9.2): the plain twin of the original's event socket, for one
//! device, a deployment group or a product. What comes in a burst is told together; who is too slow is told how much was lost.

use crate::access::scope::{Product, Scope};
use crate::api::catalog::summary::SummaryView;
use crate::api::http::answer::{Documented, text_schema};
use crate::api::http::contract::{Auth, Contract, Field, FieldType, optional_field};
use crate::api::http::error::Result;
use crate::api::http::extract::Name;
use crate::api::http::operation::Operation;
use crate::api::http::params::{Params, words};
use crate::api::http::tag::Tag;
use crate::app::App;
use crate::budget::Slot;
use crate::domain::DomainError;
use crate::domain::accounts::access_check::AccessCheck;
use crate::domain::catalog::summary::{self, Summary};
use crate::domain::events::device_events::{
    self, DeviceEvent, EventFilter, EventTopic, Missed, SUMMARY,
};
use crate::ids::UserId;
use crate::limits::{EVENT_BURST, EVENT_PAUSE, STREAM_COMMENT_EVERY, SUMMARY_LOOK_EVERY};
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::Value;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::task::AbortOnDropHandle;

struct Stream {
    app: App,
    scope: Scope<Product>,
    standing: AccessCheck,
    about: EventTopic,
    filter: EventFilter,
    happenings: Receiver<DeviceEvent>,
    /// What is told first: what was missed by somebody who comes back.
    missed: Option<Missed>,
    begun: bool,
    /// Summaries of the product, where they are wanted.
    summaries: Option<Summaries>,
    _place: Slot<UserId>,
}

/// What may be wanted of a stream.
const WANTED: [Field; 2] = [
    optional_field(
        "types",
        FieldType::Text,
        "With commas, any of: online, offline, firmware_update, health; all of these unless told. Of a product also `summary`, which \
         comes at once and when it has changed. Beyond NervesHub",
    ),
    optional_field(
        "devices",
        FieldType::Text,
        "Identifiers with commas, 200 at most; all unless told. Beyond NervesHub",
    ),
];

pub(super) fn routes(contract: &mut Contract) {
    contract.tag(Tag::Events);
    contract
        .get(
            "events.of_product",
            "/orgs/{org}/products/{product}/events",
            Auth::VIEW,
            of_product,
        )
        .summary("Of all devices of a product")
        .query(&WANTED)
        .error(429, "You watch in too many places already")
        .error(503, "Too many watch this server");
    contract
        .get(
            "events.of_device",
            "/orgs/{org}/products/{product}/devices/{device}/events",
            Auth::VIEW,
            of_device,
        )
        .summary("Of one device")
        .query(&WANTED[..1])
        .error(429, "You watch in too many places already")
        .error(503, "Too many watch this server");
    contract
        .get(
            "events.of_group",
            "/orgs/{org}/products/{product}/deployments/{name}/events",
            Auth::VIEW,
            of_group,
        )
        .summary("Of the devices of a deployment group")
        .query(&WANTED)
        .error(429, "You watch in too many places already")
        .error(503, "Too many watch this server");
}

/// `GET …/products/:product/events`.
async fn of_product(
    State(app): State<App>,
    scope: Scope<Product>,
    LastEvent(last): LastEvent,
    p: Params,
) -> Result<EventStream> {
    let about = EventTopic::Product;
    let filter = filter(&app, &scope, about, &p).await?;
    begin(app, scope, about, filter, last)
}

async fn filter(
    app: &App,
    scope: &Scope<Product>,
    about: EventTopic,
    p: &Params,
) -> Result<EventFilter> {
    let (kinds, devices) = (words(p, "types"), words(p, "devices"));
    Ok(EventFilter::new(&app.db, scope, about, kinds, devices).await?)
}

/// The mark of the last event that somebody saw who comes back, as browsers send it by themselves (WHATWG HTML, 9.2.4).
struct LastEvent(Option<String>);

impl<S: Sync> FromRequestParts<S> for LastEvent {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Infallible> {
        let mark = parts.headers.get("last-event-id");
        Ok(Self(mark.and_then(|m| m.to_str().ok()).map(str::to_owned)))
    }
}

/// `GET …/devices/:device/events`.
async fn of_device(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(d): Name,
    LastEvent(last): LastEvent,
    p: Params,
) -> Result<EventStream> {
    let about = EventTopic::device(&app.db, &scope, &d).await?;
    let filter = filter(&app, &scope, about, &p).await?;
    begin(app, scope, about, filter, last)
}

/// `GET …/deployments/:name/events`.
async fn of_group(
    State(app): State<App>,
    scope: Scope<Product>,
    Name(name): Name,
    LastEvent(last): LastEvent,
    p: Params,
) -> Result<EventStream> {
    let about = EventTopic::group(&app.db, &scope, &name).await?;
    let filter = filter(&app, &scope, about, &p).await?;
    begin(app, scope, about, filter, last)
}

fn begin(
    app: App,
    scope: Scope<Product>,
    about: EventTopic,
    filter: EventFilter,
    last: Option<String>,
) -> Result<EventStream> {
    let place = app
        .viewer_slots
        .take(scope.person().id)
        .map_err(DomainError::from)?;
    let standing = AccessCheck::begin(&app.db, &scope);
    let standing = match about {
        EventTopic::Device(device) => standing.about(device),
        EventTopic::Group(_) | EventTopic::Product => standing,
    };
    let (happenings, missed) = match last {
        None => (app.device_events.watch(), None),
        Some(mark) => {
            let (happenings, missed) = app.device_events.watch_after(&mark);
            (happenings, Some(missed))
        }
    };
    let watch = Stream {
        happenings,
        missed,
        summaries: filter
            .wants_summary()
            .then(|| Summaries::of(app.clone(), scope.clone())),
        app,
        scope,
        standing,
        about,
        filter,
        begun: false,
        _place: place,
    };
    let body = stream::unfold(watch, |mut watch| async move {
        let text = watch.next().await?;
        Some((Ok::<_, std::io::Error>(Bytes::from(text)), watch))
    });
    Ok(EventStream(Body::from_stream(body)))
}

/// A stream of events.
///
/// Axum's own `Sse` is not used, since it sends every event as a chunk of its own: here a burst of up to [`EVENT_BURST`] events
/// is one text and one write. Its keep-alive would also run beside [`Stream::next`], which has to wake for a right that
/// was taken away in any case.
struct EventStream(Body);

impl IntoResponse for EventStream {
    fn into_response(self) -> Response {
        let mut answer = Response::new(self.0);
        let kind = HeaderValue::from_static("text/event-stream; charset=utf-8");
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, kind);
        // nginx holds answers back otherwise.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        answer
    }
}

impl Documented for EventStream {
    fn document(operation: &mut Operation<'_>) {
        let kinds = [("text/event-stream", text_schema())];
        operation.answers_with(StatusCode::OK, "Does not end by itself", &kinds);
    }
}

impl Stream {
    /// The next text; `None` ends the stream.
    async fn next(&mut self) -> Option<String> {
        if !self.begun {
            self.begun = true;
            return Some("retry: 3000\n: watching\n\n".into());
        }
        if let Some(missed) = self.missed.take() {
            let text = match missed {
                // How much it was nobody knows.
                Missed::Unknown => "event: lost\ndata: {\"count\":null}\n\n".to_owned(),
                Missed::Events(events) => self.texts(events, 0).await?,
            };
            if !text.is_empty() {
                return Some(text);
            }
        }
        // Not begun anew with events that nobody wants: proxies cut a line that says nothing.
        let quiet = Instant::now() + STREAM_COMMENT_EVERY;
        loop {
            let mut lost = 0;
            let mut burst = Vec::new();
            tokio::select! {
                () = self.app.stopping.cancelled() => return None,
                () = self.standing.lost() => return None,
                () = sleep_until(quiet) => return Some(": quiet\n\n".into()),
                summary = next_summary(&mut self.summaries) => {
                    if !self.standing.holds().await {
                        return None;
                    }
                    let data = serde_json::to_string(&SummaryView::of(&summary)).unwrap_or_default();
                    return Some(format!("event: {SUMMARY}\ndata: {data}\n\n"));
                }
                first = self.happenings.recv() => take(first, &mut burst, &mut lost)?,
            }
            // What comes at once goes out together.
            let until = Instant::now() + EVENT_PAUSE;
            while burst.len() < EVENT_BURST {
                match timeout_at(until, self.happenings.recv()).await {
                    Ok(next) => take(next, &mut burst, &mut lost)?,
                    Err(_) => break,
                }
            }
            let text = self.texts(burst, lost).await?;
            if !text.is_empty() {
                return Some(text);
            }
        }
    }

    /// The texts of the events that are wanted; empty without one. `None` ends the stream.
    async fn texts(&mut self, mut burst: Vec<DeviceEvent>, lost: u64) -> Option<String> {
        let newest = burst.last().map(|event| event.number);
        burst.retain(|event| self.filter.wants(event));
        if burst.is_empty() && lost == 0 {
            return Some(String::new());
        }
        if !self.standing.holds().await {
            return None;
        }
        let mut ids: Vec<_> = burst.iter().map(|h| h.device).collect();
        ids.sort_unstable();
        ids.dedup();
        let found = device_events::identifiers(&self.app.db, &self.scope, self.about, &ids).await;
        let names: HashMap<_, _> = match found {
            Ok(names) => names.into_iter().collect(),
            Err(e) => {
                tracing::warn!(error = %e, "an event stream ends");
                return None;
            }
        };
        let mut told = Vec::new();
        if lost > 0 {
            told.push(format!("event: lost\ndata: {{\"count\":{lost}}}\n\n"));
        }
        for h in &burst {
            let Some(name) = names.get(&h.device) else {
                continue;
            };
            let mut data = h.what.facts();
            if let Value::Object(map) = &mut data {
                map.insert("device".into(), name.as_str().into());
                map.insert("at".into(), h.at.spaced().into());
            }
            told.push(format!("event: {}\ndata: {data}\n\n", h.what.word()));
        }
        // The mark comes with the last event, and stands for all that were looked at up to it.
        if let (Some(last), Some(newest)) = (told.last_mut(), newest) {
            last.insert_str(0, &format!("id: {}\n", self.app.device_events.mark(newest)));
        }
        Some(told.concat())
    }
}

/// The summaries of a product as they change. They are counted beside the stream, since a large fleet takes a moment, in which
/// events must not pile up.
struct Summaries {
    changed: mpsc::Receiver<Arc<Summary>>,
    _counting: AbortOnDropHandle<()>,
}

impl Summaries {
    fn of(app: App, scope: Scope<Product>) -> Self {
        let (tell, changed) = mpsc::channel(1);
        let (background, stopping) = (app.background.clone(), app.stopping.clone());
        let counting = async move {
            let mut told = None;
            loop {
                // One that cannot be counted now is looked at again.
                if let Ok(found) = summary::summary(&app, &scope).await
                    && told.replace(found.at) != Some(found.at)
                    && tell.send(found).await.is_err()
                {
                    return;
                }
                sleep(SUMMARY_LOOK_EVERY).await;
            }
        };
        Self {
            changed,
            _counting: AbortOnDropHandle::new(background.spawn(async move {
                stopping.run_until_cancelled(counting).await;
            })),
        }
    }
}

/// The next summary; never, where none is wanted.
async fn next_summary(summaries: &mut Option<Summaries>) -> Arc<Summary> {
    let next = match summaries {
        Some(summaries) => summaries.changed.recv().await,
        None => None,
    };
    match next {
        Some(summary) => summary,
        None => std::future::pending().await,
    }
}

/// `None` when there is nothing more to come.
fn take(
    next: std::result::Result<DeviceEvent, RecvError>,
    burst: &mut Vec<DeviceEvent>,
    lost: &mut u64,
) -> Option<()> {
    match next {
        Ok(h) => burst.push(h),
        Err(RecvError::Lagged(n)) => *lost += n,
        Err(RecvError::Closed) => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::domain::events::device_events::{DeviceEvents, EventKind};
    use crate::ids::DeviceId;
    use crate::limits::DEVICE_EVENTS;

    #[tokio::test]
    async fn who_falls_behind_learns_how_much_was_lost() {
        let watchers = DeviceEvents::new(Clock::default());
        let mut slow = watchers.watch();
        for n in 0..DEVICE_EVENTS as i64 + 10 {
            watchers.tell(DeviceId::from(n), EventKind::Online);
        }
        let (mut burst, mut lost) = (Vec::new(), 0);
        for _ in 0..3 {
            take(slow.recv().await, &mut burst, &mut lost).unwrap();
        }
        assert_eq!(lost, 10);
        let devices: Vec<_> = burst.iter().map(|h| h.device.number()).collect();
        assert_eq!(devices, [10, 11], "the oldest that is left comes next");
        drop(watchers);
        while take(slow.recv().await, &mut burst, &mut lost).is_some() {}
        assert_eq!(burst.len(), DEVICE_EVENTS);
    }
}
