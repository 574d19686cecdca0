//! The whole contract on one page: every route with who may ask, what it takes and what it answers.

use super::before::before_routing;
use super::contract::Asks::{self, Anyone, Person, Publisher};
use super::contract::Kind::{Flag, Map, Number, Object, Tags, Text, Words};
use super::contract::{Contract, Field, Kind, may, need};
use super::error::Error;
use super::extract::RequestPlace;
use super::{
    archives, audits, bulk, ca_certificates, deployments, device_certificates, devices, endpoints,
    events, extensions, firmwares, history, keys, mail_rules, pages, products, scripts,
    shared_secrets, socket, tokens, uploads, users, webhooks,
};
use crate::access::random_id;
use crate::access::scope::Role;
use crate::app::App;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{any, get};
use std::collections::BTreeMap;

const VIEW: Asks = Asks::Member(Role::View);
const MANAGE: Asks = Asks::Member(Role::Manage);
const ADMIN: Asks = Asks::Member(Role::Admin);
const ROLES: Kind = Words(&["view", "manage", "admin"]);
/// What 409 means where a serial number names a certificate.
const SAME_SERIAL: &str =
    "Several have this serial number, from different signers; the answer says how to name one";
const PRODUCT: &str = "/orgs/{org}/products/{product}";

/// The routes of the web listener.
pub fn router(app: App) -> Router {
    let mut c = Contract::new();
    people(&mut c);
    org(&mut c);
    iroh(&mut c);
    products_and_secrets(&mut c);
    devices_of_products(&mut c);
    many_devices(&mut c);
    what_devices_have(&mut c);
    short_addresses(&mut c);
    files(&mut c);
    deployment_groups(&mut c);
    scripts_and_notices(&mut c);
    c.chapter(
        "Platform Status",
        "This document, and whether the server lives.",
    );
    c.get("/openapi", Anyone, document)
        .says("This document")
        .plain(200, "application/json", "OpenAPI 3.1");
    c.get("/docs", Anyone, docs)
        .says("This document, to browse")
        .plain(200, "text/html", "A page");
    c.get("/swaggerui", Anyone, to_docs)
        .says("To the page")
        .bare(302, "To /api/docs");
    let (api, shadows, text) = c.done();
    let text = Bytes::from(text.to_string());
    let api = api
        .fallback(|| async { Error::NoRoute })
        .method_not_allowed_fallback(|| async { Error::NoMethod })
        .layer(middleware::from_fn(dress))
        .layer(Extension(Document(text)));
    let mut web = Router::new()
        .nest("/api", api)
        .route("/socket/websocket", get(socket::terminals))
        .route("/api/socket/websocket", get(socket::terminals))
        .route("/events-socket/websocket", get(socket::events))
        .route(
            "/auth/cli/{session}",
            get(pages::confirm_page).post(pages::confirm),
        )
        .route(
            "/invite/{link}",
            get(pages::invite_page).post(pages::accept),
        );
    for path in ["/status/_health", "/status/health", "/status/healthy"] {
        web = web.route(path, any(health));
    }
    web = web.route("/status/alive", any(alive));
    web = web.route("/status/ready", any(ready));
    // Around all routes, since it decides which one is found.
    let before = middleware::from_fn_with_state(shadows, before_routing);
    Router::new()
        .fallback_service(web.with_state(app))
        .layer(before)
}

fn people(c: &mut Contract) {
    c.chapter("Auth", "Who you are.");
    let login: &[Field] = &[
        need("email", Text, "Your login"),
        need("password", Text, "Your password"),
        may("note", Text, "What the token is for"),
    ];
    c.post("/users/auth", Anyone, users::login)
        .says("Trade a password for a new token")
        .takes(login)
        .gives::<users::Session>()
        .refuses(401, "A wrong email or password")
        .refuses(
            429,
            "Too many wrong passwords of this account, or from this address",
        );
    c.post("/users/login", Anyone, users::login)
        .says("The same, by the path that `nh` takes")
        .takes(login)
        .gives::<users::Session>()
        .refuses(401, "A wrong email or password")
        .refuses(
            429,
            "Too many wrong passwords of this account, or from this address",
        )
        .named("users.login_as_nh");
    c.post("/auth/cli_session", Anyone, pages::begin)
        .says("Begin the login of a command line through a browser")
        .takes(&[may("note", Text, "What the token is for")])
        .refuses(503, "Too many logins wait already")
        .gives::<pages::CliSession>();
    c.get("/auth/cli_session/{session}", Anyone, pages::status)
        .says("Whether it was confirmed; at most 30 times a minute")
        .gives::<pages::CliStatus>()
        .plain(403, "text/plain", "Asked too often");
    c.get("/users/me", Person, users::me)
        .says("The person whose token it is")
        .gives::<users::Me>();

    c.put("/users/me/password", Person, users::change_password)
        .says("Change your password; all your other tokens end, and only a token that grants all may ask")
        .takes(&[
            need("current_password", Text, "The present one"),
            need("new_password", Text, "12 to 1,024 characters"),
        ])
        .ends()
        .refuses(429, "Too many wrong passwords");
    c.get("/users/me/tokens", Person, tokens::list)
        .says("Your tokens, newest first; only a token that grants all may ask")
        .gives::<Vec<tokens::View>>();
    c.post("/users/me/tokens", Person, tokens::create)
        .says("Make a token; it is shown once")
        .takes(tokens::FIELDS)
        .creates::<tokens::Minted>();
    c.delete("/users/me/tokens/{token}", Person, tokens::delete)
        .says("Delete one of your tokens")
        .ends();

    c.chapter("Organizations", "What holds products, keys and people.");
    c.get("/orgs", Person, users::orgs)
        .says("Organizations that you belong to")
        .query(&[may("include", Text, "`products` for their products")])
        .takes_any()
        .gives::<Vec<users::OrgView>>();
}

fn org(c: &mut Contract) {
    c.chapter(
        "Organization Members",
        "People of an organization, and their roles.",
    );
    c.get("/orgs/{org}/users", ADMIN, users::members)
        .says("The members")
        .gives::<Vec<users::MemberView>>();
    let member: &[Field] = &[
        need("email", Text, "The person's login"),
        may(
            "username",
            Text,
            "The same, as older releases of `nh` say it",
        ),
        need("role", ROLES, "What the person may do"),
    ];
    c.post("/orgs/{org}/users", ADMIN, users::add_member)
        .says("Make a person a member")
        .takes(member)
        .creates::<users::MemberView>()
        .bare(204, "Nobody has this email; an invitation waits for them");
    c.post("/orgs/{org}/users/invite", ADMIN, users::add_member)
        .says("The same, by the newer path")
        .takes(member)
        .creates::<users::MemberView>()
        .bare(204, "Nobody has this email; an invitation waits for them")
        .named("users.invite");
    c.get("/orgs/{org}/invites", ADMIN, pages::invites)
        .says("Open invitations. Beyond NervesHub")
        .gives::<Vec<pages::Invitation>>();
    c.post("/orgs/{org}/invites", ADMIN, pages::make_invite)
        .says("Invite somebody and get the link, which is shown this once. Inviting the same address again makes a new link. Beyond NervesHub")
        .takes(member)
        .creates::<pages::MadeInvitation>();
    c.delete("/orgs/{org}/invites/{email}", ADMIN, users::rescind)
        .says("Take an invitation back. Beyond NervesHub")
        .ends();
    c.get("/orgs/{org}/users/{email}", ADMIN, users::member)
        .says("One member")
        .gives::<users::MemberView>();
    c.put("/orgs/{org}/users/{email}", ADMIN, users::set_role)
        .says("Change a member's role")
        .takes(&[need("role", ROLES, "The new role")])
        .gives::<users::MemberView>();
    c.delete("/orgs/{org}/users/{email}", ADMIN, users::remove_member)
        .says("Take a member out; the last administrator stays")
        .ends()
        .refuses(422, "The last administrator");

    c.chapter(
        "Service Accounts",
        "Members without a password, for programs. Beyond NervesHub.",
    );
    c.get("/orgs/{org}/service_accounts", ADMIN, tokens::services)
        .says("The accounts, by name")
        .gives::<Vec<tokens::ServiceView>>();
    c.post("/orgs/{org}/service_accounts", ADMIN, tokens::add_service)
        .says("Make an account")
        .takes(&[
            need("name", Text, "Its name"),
            need("role", ROLES, "What it may do"),
        ])
        .creates::<tokens::ServiceView>();
    c.delete(
        "/orgs/{org}/service_accounts/{account}",
        ADMIN,
        tokens::remove_service,
    )
    .says("Remove an account and all its tokens")
    .ends();
    c.get(
        "/orgs/{org}/service_accounts/{account}/tokens",
        ADMIN,
        tokens::of_service,
    )
    .says("An account's tokens, newest first")
    .gives::<Vec<tokens::View>>();
    c.post(
        "/orgs/{org}/service_accounts/{account}/tokens",
        ADMIN,
        tokens::add_to_service,
    )
    .says("Make a token for an account; it is shown once")
    .takes(tokens::FIELDS)
    .creates::<tokens::Minted>();
    c.delete(
        "/orgs/{org}/service_accounts/{account}/tokens/{token}",
        ADMIN,
        tokens::remove_of_service,
    )
    .says("Delete one of an account's tokens")
    .ends();

    c.chapter(
        "Signing Keys",
        "Public keys whose firmware an organization accepts.",
    );
    c.get("/orgs/{org}/keys", VIEW, keys::list)
        .says("The keys, oldest first")
        .gives::<Vec<keys::Key>>();
    c.post("/orgs/{org}/keys", MANAGE, keys::create)
        .says("Register a key")
        .takes(&[
            need("name", Text, "Its name"),
            need(
                "key",
                Text,
                "Base64 of the 32 bytes of an Ed25519 public key",
            ),
            may(
                "scheme",
                Words(&["ed25519", "secure_boot_v2_rsa"]),
                "What kind of key",
            ),
        ])
        .creates::<keys::Key>();
    c.get("/orgs/{org}/keys/{name}", VIEW, keys::show)
        .says("One key")
        .gives::<keys::Key>();
    c.delete("/orgs/{org}/keys/{name}", MANAGE, keys::delete)
        .says("Delete a key that nothing was signed with")
        .ends()
        .refuses(409, "Something was signed with it");

    c.chapter("CA Certificates", "Authorities whose devices may connect.");
    c.get("/orgs/{org}/ca_certificates", VIEW, ca_certificates::list)
        .says("The authorities")
        .gives::<Vec<ca_certificates::CaCertificate>>();
    c.get(
        "/orgs/{org}/ca_certificates/verification_token",
        VIEW,
        ca_certificates::verification_token,
    )
    .says("What proves that you own an authority, for an hour")
    .gives::<ca_certificates::VerificationToken>();
    c.post("/orgs/{org}/ca_certificates", MANAGE, ca_certificates::create)
        .says("Register an authority")
        .more("`verification_cert` is signed by the authority and has the one alternative name `urn:nerveshub:verify:<verification token>`.")
        .takes(&[
            need("cert", Text, "Base64 of its PEM"),
            need("verification_cert", Text, "Base64 of the PEM of the proof"),
            may("description", Text, "Free text"),
            may("check_expiration", Flag, "Whether expired certificates of devices are refused"),
            may("jitp", Object(ca_certificates::JITP), "What devices become that nobody registered"),
        ])
        .creates::<ca_certificates::CaCertificate>();
    c.get(
        "/orgs/{org}/ca_certificates/{serial}",
        VIEW,
        ca_certificates::show,
    )
    .says("One authority, by its decimal serial number or, in hex, its key identifier")
    .gives::<ca_certificates::CaCertificate>()
    .refuses(409, SAME_SERIAL);
    c.delete(
        "/orgs/{org}/ca_certificates/{serial}",
        MANAGE,
        ca_certificates::delete,
    )
    .says("Forget an authority; devices stay connected")
    .ends()
    .refuses(409, SAME_SERIAL);
}

fn iroh(c: &mut Contract) {
    c.chapter(
        "Iroh Endpoints",
        "Keys of devices and people on the iroh network.",
    );
    c.get("/orgs/{org}/iroh_endpoints", VIEW, endpoints::list)
        .says("The keys, newest first")
        .query(&[
            may(
                "owner",
                Words(&["device", "user", "none"]),
                "Whose they are",
            ),
            may(
                "search",
                Text,
                "Beginning of the key, or part of a device's identifier or a member's name",
            ),
        ])
        .gives::<Vec<endpoints::View>>();
    c.post("/orgs/{org}/iroh_endpoints", MANAGE, endpoints::create)
        .says("Register a key")
        .takes(&[
            need("identifier", Text, "The key"),
            may("instance", Text, "One of several; `default` unless given"),
            may("details", Map, "Whatever belongs to it, at most 4096 bytes"),
            may("user_email", Text, "The member whose it is"),
        ])
        .creates::<endpoints::View>()
        .refuses(409, "It is registered already");
    c.get(
        "/orgs/{org}/iroh_endpoints/{identifier}",
        VIEW,
        endpoints::show,
    )
    .says("One key")
    .gives::<endpoints::View>();
    c.delete(
        "/orgs/{org}/iroh_endpoints/{identifier}",
        MANAGE,
        endpoints::delete,
    )
    .says("Forget a key; a device that reports it brings it back")
    .ends();
}

fn products_and_secrets(c: &mut Contract) {
    c.chapter("Products", "What devices of one kind belong to.");
    c.get("/orgs/{org}/products", VIEW, products::list)
        .says("The products")
        .gives::<Vec<products::View>>();
    c.post("/orgs/{org}/products", ADMIN, products::create)
        .says("Make a product")
        .takes(&[need("name", Text, "Its name")])
        .creates::<products::View>();
    c.get(PRODUCT, VIEW, products::show)
        .says("One product")
        .gives::<products::View>();
    let settings: &[Field] = &[
        may(
            "require_unique_firmware_version",
            Flag,
            "Whether a version can be uploaded once only",
        ),
        may(
            "allowed_update_tools",
            Tags,
            "Which kinds of firmware it takes: `fwup`, `esp-idf`",
        ),
        may(
            "allow_unsigned_esp_idf_firmware",
            Flag,
            "Whether ESP-IDF images need no signature",
        ),
    ];
    c.put(PRODUCT, MANAGE, products::update)
        .says("Change settings; a product cannot be renamed")
        .takes_only(settings)
        .gives::<products::View>();
    c.patch(PRODUCT, MANAGE, products::update)
        .says("The same")
        .takes_only(settings)
        .gives::<products::View>();
    c.delete(PRODUCT, ADMIN, products::delete)
        .says("Delete an empty product")
        .ends()
        .refuses(409, "It still holds something");
    c.get(
        "/orgs/{org}/products/{product}/extensions",
        VIEW,
        extensions::of_product,
    )
    .says("Which extensions the product uses")
    .gives::<BTreeMap<String, bool>>();
    c.put(
        "/orgs/{org}/products/{product}/extensions",
        MANAGE,
        extensions::set_product,
    )
    .says("Switch extensions on and off, also on devices that are connected")
    .takes(&[need(
        "extensions",
        Map,
        "Booleans by name, such as `{\"health\": true}`",
    )])
    .gives::<BTreeMap<String, bool>>();

    c.chapter(
        "Shared Secrets",
        "How devices without certificates prove who they are. Beyond NervesHub.",
    );
    c.get(
        "/orgs/{org}/products/{product}/shared_secrets",
        MANAGE,
        shared_secrets::list,
    )
    .says("The product's, without the secrets")
    .gives::<Vec<shared_secrets::SharedSecret>>();
    c.post(
        "/orgs/{org}/products/{product}/shared_secrets",
        MANAGE,
        shared_secrets::create,
    )
    .says("Make one; it is shown once")
    .creates::<shared_secrets::NewSharedSecret>();
    c.delete(
        "/orgs/{org}/products/{product}/shared_secrets/{*key}",
        MANAGE,
        shared_secrets::delete,
    )
    .says("Deactivate one")
    .ends();
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/shared_secrets",
        MANAGE,
        shared_secrets::list_of_device,
    )
    .says("A device's, without the secrets")
    .gives::<Vec<shared_secrets::SharedSecret>>();
    c.post(
        "/orgs/{org}/products/{product}/devices/{device}/shared_secrets",
        MANAGE,
        shared_secrets::create_for_device,
    )
    .says("Make one for a device; it is shown once")
    .creates::<shared_secrets::NewSharedSecret>();
    c.delete(
        "/orgs/{org}/products/{product}/devices/{device}/shared_secrets/{*key}",
        MANAGE,
        shared_secrets::delete_of_device,
    )
    .says("Deactivate a device's")
    .ends();
}

/// Fields of a device that people write.
const DEVICE: &[Field] = &[
    may("description", Text, "Free text"),
    may("tags", Tags, "Words without spaces"),
    may("updates_enabled", Flag, "Whether it is updated by itself"),
    may(
        "connecting_code",
        Text,
        "Code that it runs when it connects",
    ),
    may("extensions", Map, "Booleans by name of an extension"),
];

fn devices_of_products(c: &mut Contract) {
    c.chapter("Devices", "Devices of a product.");
    c.get(
        "/orgs/{org}/products/{product}/devices",
        VIEW,
        devices::list,
    )
    .says("Devices, narrowed, ordered and paged")
    .query(devices::FILTERS)
    .pages::<devices::View>(10);
    c.post(
        "/orgs/{org}/products/{product}/devices",
        MANAGE,
        devices::create,
    )
    .says("Register a device")
    .takes(
        &[
            &[need("identifier", Text, "Unique on the whole server")],
            DEVICE,
        ]
        .concat(),
    )
    .creates::<devices::View>();
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}",
        VIEW,
        devices::show,
    )
    .says("One device, also one that was deleted")
    .gives::<devices::View>();
    c.put(
        "/orgs/{org}/products/{product}/devices/{device}",
        MANAGE,
        devices::update,
    )
    .says("Change a device; answers 201, as clients expect")
    .more("`deleted_at: null` restores a deleted device.")
    .takes(
        &[
            DEVICE,
            &[
                // `nh` sends it along; the original takes it and changes nothing.
                may("identifier", Text, "Its own, which stays as it is"),
                may("deleted_at", Text, "Null, which restores a deleted device"),
            ],
        ]
        .concat(),
    )
    .creates::<devices::View>();
    c.delete(
        "/orgs/{org}/products/{product}/devices/{device}",
        MANAGE,
        devices::delete,
    )
    .says("Delete a device so that it can be restored")
    .ends();
    c.delete(
        "/orgs/{org}/products/{product}/devices/{device}/destroy",
        MANAGE,
        devices::destroy,
    )
    .says("Destroy a deleted device; its identifier is free again. Beyond NervesHub")
    .ends()
    .refuses(409, "It was not deleted before");
    c.post(
        "/orgs/{org}/products/{product}/devices/{device}/reboot",
        MANAGE,
        devices::reboot,
    )
    .says("Ask it to reboot")
    .ends();
    c.post(
        "/orgs/{org}/products/{product}/devices/{device}/identify",
        MANAGE,
        devices::identify,
    )
    .says("Ask it to show which one it is")
    .ends();
    c.post(
        "/orgs/{org}/products/{product}/devices/{device}/reconnect",
        MANAGE,
        devices::reconnect,
    )
    .says("Drop its socket; it connects again")
    .ends();
    c.post(
        "/orgs/{org}/products/{product}/devices/{device}/code",
        MANAGE,
        devices::code,
    )
    .says("Type into its remote console")
    .takes(CODE)
    .ends();
    c.post(
        "/orgs/{org}/products/{product}/devices/{device}/upgrade",
        MANAGE,
        devices::upgrade,
    )
    .says("Send it a firmware, whole, and switch its automatic updates off")
    .takes(UPGRADE)
    .ends();
    c.post(
        "/orgs/{org}/products/{product}/devices/{device}/move",
        MANAGE,
        devices::move_to,
    )
    .says("Move it to another product, for which you need the role `manage` too")
    .takes(MOVE)
    .gives::<devices::View>();
    c.delete(
        "/orgs/{org}/products/{product}/devices/{device}/penalty",
        MANAGE,
        devices::clear_penalty,
    )
    .says("Let it out of the penalty box")
    .ends();
}

fn many_devices(c: &mut Contract) {
    c.upload("/orgs/{org}/products/{product}/devices/import", MANAGE, bulk::import)
        .says("Register many devices")
        .more("A JSON array is a Microchip Trust&Go manifest: 201 at once, the work is done in the background, and a notification tells how it went. \
               CSV (`content-type: text/csv`) is imported all or nothing before the answer: the first line names the columns `identifier`, `description`, `tags`, `certificates`; \
               others are ignored. Bad rows are told by line in `errors.rows`.")
        .headers(&[
            may("format", Words(&["microchip_trust_and_go"]), "Kind of manifest"),
            may("tags", Text, "With commas; tags of all devices of a manifest"),
        ])
        .body_of(&[
            ("application/json", serde_json::json!({"type": "array", "items": {"type": "object"}})),
            ("text/csv", serde_json::json!({"type": "string"})),
        ])
        .bare(201, "A manifest was taken")
        .gives::<bulk::Imported>();
    c.get(
        "/orgs/{org}/products/{product}/devices.csv",
        VIEW,
        bulk::export,
    )
    .says("All devices as CSV, streamed: `identifier,description,tags,product,org,certificates`")
    .plain(200, "text/csv", "A line a device");
    c.post(
        "/orgs/{org}/products/{product}/devices/auth",
        VIEW,
        device_certificates::auth,
    )
    .says("The device that holds exactly this certificate")
    .takes(&[need("certificate", Text, "Base64 of its PEM")])
    .gives::<devices::View>()
    .bare(403, "No device of the organization holds it");
}

const CODE: &[Field] = &[
    may("code", Text, "What to type"),
    may("body", Text, "The same"),
];
const UPGRADE: &[Field] = &[need("uuid", Text, "The firmware")];
const MOVE: &[Field] = &[
    need("new_org_name", Text, "The organization that it goes to"),
    need("new_product_name", Text, "The product that it goes to"),
];
const TIMEOUT: &[Field] = &[may(
    "timeout",
    Number,
    "Milliseconds to wait, 30000 unless given",
)];

fn what_devices_have(c: &mut Contract) {
    c.chapter("Device Certificates", "Certificates that are one device's.");
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/certificates",
        VIEW,
        device_certificates::list,
    )
    .says("The device's certificates")
    .gives::<Vec<device_certificates::DeviceCertificate>>();
    c.post(
        "/orgs/{org}/products/{product}/devices/{device}/certificates",
        MANAGE,
        device_certificates::create,
    )
    .says("Register a certificate")
    .takes(&[need("cert", Text, "Base64 of its PEM")])
    .creates::<device_certificates::DeviceCertificate>();
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/certificates/{serial}",
        VIEW,
        device_certificates::show,
    )
    .says("One certificate, by its decimal serial number or its SHA-1 in hex")
    .gives::<device_certificates::DeviceCertificate>();
    c.delete(
        "/orgs/{org}/products/{product}/devices/{device}/certificates/{serial}",
        MANAGE,
        device_certificates::delete,
    )
    .says("Forget a certificate")
    .ends()
    .refuses(409, SAME_SERIAL);

    c.chapter(
        "Network Identities",
        "Keys that devices hold on other networks.",
    );
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/network_identities",
        VIEW,
        history::identities,
    )
    .says("The device's keys")
    .query(&[
        may(
            "service",
            Text,
            "`iroh`, `netbird`, `tailscale` or `wireguard`",
        ),
        may("instance", Text, "One of several"),
    ])
    .gives::<Vec<history::NetworkIdentity>>();

    c.chapter(
        "Device Reports",
        "What devices say of themselves, and what became of them. Beyond NervesHub.",
    );
    let newest: &[Field] = &[may(
        "limit",
        Number,
        "How many, 25 unless given, at most 1000",
    )];
    let reports: &[Field] = &[
        may("hours", Number, "How far back, at most 168"),
        may("limit", Number, "How many, 25 unless given, at most 1000"),
        may("refresh", Flag, "Ask the device for a new one"),
    ];
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/extensions",
        VIEW,
        extensions::of_device,
    )
    .says("Which extensions the device uses")
    .gives::<BTreeMap<String, extensions::ExtensionSwitch>>();
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/health",
        VIEW,
        extensions::health,
    )
    .says("Health reports, newest first")
    .query(reports)
    .gives::<Vec<extensions::HealthView>>();
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/location",
        VIEW,
        extensions::location,
    )
    .says("Where it is; null before the first report")
    .gives::<Option<extensions::Location>>();
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/logs",
        VIEW,
        extensions::logs,
    )
    .says("Lines of its log, newest first")
    .query(newest)
    .gives::<Vec<extensions::LogView>>();
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/connections",
        VIEW,
        history::connections,
    )
    .says("Connections, newest first")
    .query(newest)
    .gives::<Vec<history::Connection>>();
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/firmwares",
        VIEW,
        history::firmwares,
    )
    .says("What it ran, newest first")
    .query(newest)
    .gives::<Vec<history::DeviceFirmware>>();
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/updates",
        VIEW,
        history::updates,
    )
    .says("Updates, summed up and the newest")
    .query(newest)
    .gives::<history::Updates>();
}

fn short_addresses(c: &mut Contract) {
    c.chapter(
        "Devices (short URL)",
        "The same by the identifier alone, in whatever organization of yours.",
    );
    c.get("/devices/{device}", VIEW, devices::show)
        .says("One device")
        .gives::<devices::View>();
    c.post("/devices/{device}/reboot", MANAGE, devices::reboot)
        .says("Ask it to reboot")
        .ends();
    c.post("/devices/{device}/identify", MANAGE, devices::identify)
        .says("Ask it to show which one it is")
        .ends();
    c.post("/devices/{device}/reconnect", MANAGE, devices::reconnect)
        .says("Drop its socket")
        .ends();
    c.post("/devices/{device}/code", MANAGE, devices::code)
        .says("Type into its remote console")
        .takes(CODE)
        .ends();
    c.post("/devices/{device}/upgrade", MANAGE, devices::upgrade)
        .says("Send it a firmware")
        .takes(UPGRADE)
        .ends();
    c.post("/devices/{device}/move", MANAGE, devices::move_to)
        .says("Move it to another product")
        .takes(MOVE)
        .gives::<devices::View>();
    c.delete("/devices/{device}/penalty", MANAGE, devices::clear_penalty)
        .says("Let it out of the penalty box")
        .ends();
    c.get("/devices/{device}/scripts", VIEW, scripts::list)
        .says("Scripts of its product")
        .query(scripts::FILTERS)
        .takes_any()
        .pages::<scripts::ScriptEntry>(25);
    c.post("/devices/{device}/scripts/{script}", VIEW, scripts::run)
        .says("Run a script on it")
        .query(TIMEOUT)
        .takes_any()
        .plain(200, "text/plain", "What it printed")
        .refuses(403, "The device is away or silent");
}

fn files(c: &mut Contract) {
    c.chapter("Firmwares", "Signed images.");
    c.get(
        "/orgs/{org}/products/{product}/firmwares",
        Publisher(Role::View),
        firmwares::list,
    )
    .says("Firmware, highest version first")
    .gives::<Vec<firmwares::Firmware>>();
    c.upload(
        "/orgs/{org}/products/{product}/firmwares",
        Publisher(Role::Manage),
        firmwares::upload,
    )
    .says("Upload a firmware")
    .file("firmware")
    .creates::<firmwares::Firmware>();
    c.get(
        "/orgs/{org}/products/{product}/firmwares/{uuid}",
        Publisher(Role::View),
        firmwares::show,
    )
    .says("One firmware")
    .gives::<firmwares::Firmware>();
    c.delete(
        "/orgs/{org}/products/{product}/firmwares/{uuid}",
        MANAGE,
        firmwares::delete,
    )
    .says("Delete a firmware that no release ever used")
    .ends()
    .refuses(422, "A release uses it, or did");
    c.get(
        "/orgs/{org}/products/{product}/firmwares/{uuid}/download",
        MANAGE,
        firmwares::download,
    )
    .says("To a signed link that expires")
    .bare(302, "To the file");

    for_uploads(c);
    c.chapter(
        "Archives",
        "Signed files for applications on devices. Beyond NervesHub.",
    );
    c.get(
        "/orgs/{org}/products/{product}/archives",
        VIEW,
        archives::list,
    )
    .says("Archives, highest version first")
    .gives::<Vec<archives::Archive>>();
    c.upload(
        "/orgs/{org}/products/{product}/archives",
        MANAGE,
        archives::upload,
    )
    .says("Upload an archive")
    .file("archive")
    .creates::<archives::Archive>();
    c.get(
        "/orgs/{org}/products/{product}/archives/{uuid}",
        VIEW,
        archives::show,
    )
    .says("One archive")
    .gives::<archives::Archive>();
    c.delete(
        "/orgs/{org}/products/{product}/archives/{uuid}",
        MANAGE,
        archives::delete,
    )
    .says("Delete an archive that no release uses")
    .ends()
    .refuses(422, "A release uses it");
    c.get(
        "/orgs/{org}/products/{product}/archives/{uuid}/download",
        MANAGE,
        archives::download,
    )
    .says("To a signed link that expires")
    .bare(302, "To the file");
}

fn deployment_groups(c: &mut Contract) {
    c.chapter(
        "Deployment Groups",
        "Which devices get which firmware, and how fast.",
    );
    c.get(
        "/orgs/{org}/products/{product}/deployments",
        VIEW,
        deployments::list,
    )
    .says("Deployment groups, by name")
    .gives::<Vec<deployments::DeploymentGroup>>();
    c.post(
        "/orgs/{org}/products/{product}/deployments",
        MANAGE,
        deployments::create,
    )
    .says("Make a deployment group; it is off")
    .takes(&[
        need("name", Text, "Its name"),
        need(
            "firmware",
            Text,
            "uuid of the firmware of its first release",
        ),
        need(
            "conditions",
            Object(deployments::CONDITIONS),
            "Which devices it is for; `{}` matches every device",
        ),
        may("archive", Text, "uuid of an archive"),
        may("delta_updatable", Flag, "Whether devices may get deltas"),
        may("notes", Text, "Free text, at most 1000 characters"),
        may("platform", Text, "Must be the firmware's"),
        may("architecture", Text, "Must be the firmware's"),
    ])
    .creates::<deployments::DeploymentGroup>();
    c.get(
        "/orgs/{org}/products/{product}/deployments/{name}/releases",
        VIEW,
        deployments::releases,
    )
    .says("A group's releases, newest first. Beyond NervesHub")
    .gives::<Vec<deployments::ListedRelease>>();
    c.get(
        "/orgs/{org}/products/{product}/deployments/{name}",
        VIEW,
        deployments::show,
    )
    .says("One deployment group")
    .gives::<deployments::DeploymentGroup>();
    c.put("/orgs/{org}/products/{product}/deployments/{name}", MANAGE, deployments::update)
        .says("Make a new release, or change settings")
        .more("With `firmware` or `archive` in it, `deployment` makes a release and everything else but `description` and `notes` is ignored; without them it changes settings.")
        .takes(&[need("deployment", Object(deployments::CHANGES), "A release, or settings")])
        .gives::<deployments::DeploymentGroup>();
    c.delete(
        "/orgs/{org}/products/{product}/deployments/{name}",
        MANAGE,
        deployments::delete,
    )
    .says("Delete a deployment group; devices keep running")
    .ends();
}

fn scripts_and_notices(c: &mut Contract) {
    c.chapter("Support Scripts", "Code that people run on devices.");
    c.get(
        "/orgs/{org}/products/{product}/scripts",
        VIEW,
        scripts::list,
    )
    .says("Scripts, by name")
    .query(scripts::FILTERS)
    .takes_any()
    .pages::<scripts::ScriptEntry>(25);
    c.post(
        "/orgs/{org}/products/{product}/scripts",
        MANAGE,
        scripts::create,
    )
    .says("Make a script; answers 200, as clients expect")
    .takes(&[
        need("name", Text, "Its name"),
        need("text", Text, "What the device runs"),
        may("tags", Tags, "Words without spaces"),
    ])
    .gives::<scripts::Script>();
    c.get(
        "/orgs/{org}/products/{product}/scripts/{script}",
        VIEW,
        scripts::show,
    )
    .says("One script, by its number")
    .gives::<scripts::Script>();
    c.put(
        "/orgs/{org}/products/{product}/scripts/{script}",
        MANAGE,
        scripts::update,
    )
    .says("Change a script")
    .takes(&[
        may("name", Text, "Its name"),
        may("text", Text, "What the device runs"),
        may("tags", Tags, "Words without spaces"),
    ])
    .gives::<scripts::Script>();
    c.delete(
        "/orgs/{org}/products/{product}/scripts/{script}",
        MANAGE,
        scripts::delete,
    )
    .says("Delete a script")
    .ends();
    c.post(
        "/orgs/{org}/products/{product}/devices/{device}/scripts/{script}",
        VIEW,
        scripts::run,
    )
    .says("Run a script, by name or number, on a device")
    .query(TIMEOUT)
    .takes_any()
    .plain(200, "text/plain", "What it printed")
    .refuses(403, "The device is away or silent");

    for_webhooks(c);
    for_mail(c);
    c.chapter(
        "Events",
        "What happens to devices, as Server-Sent Events: online, offline, firmware_update, health. Beyond NervesHub; its event socket is at /events-socket.",
    );
    c.get(
        "/orgs/{org}/products/{product}/events",
        VIEW,
        events::of_product,
    )
    .says("Of all devices of a product")
    .plain(200, "text/event-stream", "Does not end by itself")
    .refuses(429, "You watch in too many places already")
    .refuses(503, "Too many watch this server");
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/events",
        VIEW,
        events::of_device,
    )
    .says("Of one device")
    .plain(200, "text/event-stream", "Does not end by itself")
    .refuses(429, "You watch in too many places already")
    .refuses(503, "Too many watch this server");
    c.get(
        "/orgs/{org}/products/{product}/deployments/{name}/events",
        VIEW,
        events::of_group,
    )
    .says("Of the devices of a deployment group")
    .plain(200, "text/event-stream", "Does not end by itself")
    .refuses(429, "You watch in too many places already")
    .refuses(503, "Too many watch this server");

    c.chapter(
        "Audit Log",
        "Who did what, when; entries are chained, so that none can be altered unseen. Beyond NervesHub.",
    );
    for_audits(c);

    c.chapter(
        "Notifications",
        "What a product's people should know. Beyond NervesHub.",
    );
    c.get(
        "/orgs/{org}/products/{product}/notifications",
        VIEW,
        history::notifications,
    )
    .says("Last occurrence first")
    .pages::<history::Notification>(25);
    c.delete(
        "/orgs/{org}/products/{product}/notifications",
        MANAGE,
        history::dismiss,
    )
    .says("Dismiss all of them, for everybody")
    .ends();
}

fn for_webhooks(c: &mut Contract) {
    c.chapter(
        "Webhooks",
        "Programs that are told over HTTP, signed as Standard Webhooks has it. Beyond NervesHub.",
    );
    c.get(
        "/orgs/{org}/products/{product}/webhooks",
        MANAGE,
        webhooks::list,
    )
    .says("The product's webhooks")
    .gives::<Vec<webhooks::View>>();
    c.post(
        "/orgs/{org}/products/{product}/webhooks",
        MANAGE,
        webhooks::create,
    )
    .says("Make a webhook; its secret is shown once")
    .takes(webhooks::FIELDS)
    .creates::<webhooks::NewWebhook>();
    c.get(
        "/orgs/{org}/products/{product}/webhooks/{webhook}",
        MANAGE,
        webhooks::show,
    )
    .says("One webhook")
    .gives::<webhooks::View>();
    c.put(
        "/orgs/{org}/products/{product}/webhooks/{webhook}",
        MANAGE,
        webhooks::update,
    )
    .says("Change a webhook")
    .takes(webhooks::CHANGES)
    .gives::<webhooks::View>();
    c.delete(
        "/orgs/{org}/products/{product}/webhooks/{webhook}",
        MANAGE,
        webhooks::delete,
    )
    .says("Delete a webhook and its log")
    .ends();
    c.post(
        "/orgs/{org}/products/{product}/webhooks/{webhook}/test",
        MANAGE,
        webhooks::test,
    )
    .says("Send a message that says it is a test")
    .creates::<webhooks::WebhookDelivery>();
    c.get(
        "/orgs/{org}/products/{product}/webhooks/{webhook}/deliveries",
        MANAGE,
        webhooks::log,
    )
    .says("What it was told, newest first; kept for 30 days")
    .pages::<webhooks::WebhookDelivery>(25);
    c.post(
        "/orgs/{org}/products/{product}/webhooks/{webhook}/deliveries/{delivery}/retry",
        MANAGE,
        webhooks::retry,
    )
    .says("Send a message again")
    .ends();
}

fn for_uploads(c: &mut Contract) {
    c.chapter(
        "Uploads",
        "A file in several requests, so that one that was cut goes on where it stopped. Beyond NervesHub.",
    );
    c.post(
        "/orgs/{org}/products/{product}/uploads",
        Publisher(Role::Manage),
        uploads::begin,
    )
    .says("Begin an upload, or find the one of the same file that was cut; it waits for six hours")
    .takes(uploads::FIELDS)
    .creates::<uploads::View>()
    .refuses(429, "Too many of your uploads are under way")
    .refuses(503, "Too many uploads are under way");
    c.get(
        "/orgs/{org}/products/{product}/uploads/{upload}",
        Publisher(Role::Manage),
        uploads::show,
    )
    .says("How far it is")
    .gives::<uploads::View>();
    c.patch(
        "/orgs/{org}/products/{product}/uploads/{upload}",
        Publisher(Role::Manage),
        uploads::write,
    )
    .says("Send bytes from an offset on; what came of a request that is cut is kept")
    .query(uploads::FROM)
    .bytes()
    .gives::<uploads::View>()
    .refuses(409, "Another offset is the right one")
    .refuses(413, "More bytes than were announced");
    c.delete(
        "/orgs/{org}/products/{product}/uploads/{upload}",
        Publisher(Role::Manage),
        uploads::cancel,
    )
    .says("Give it up")
    .ends();
    c.post(
        "/orgs/{org}/products/{product}/uploads/{upload}/firmware",
        Publisher(Role::Manage),
        uploads::firmware,
    )
    .says("Make a firmware of it")
    .creates::<firmwares::Firmware>()
    .refuses(409, "There is more to send");
    c.post(
        "/orgs/{org}/products/{product}/uploads/{upload}/archive",
        MANAGE,
        uploads::archive,
    )
    .says("Make an archive of it")
    .creates::<archives::Archive>()
    .refuses(409, "There is more to send")
    .refuses(422, "What came is no archive of this product");
}

fn for_mail(c: &mut Contract) {
    c.chapter(
        "Mail Rules",
        "Members who are told by mail of what webhooks are told; several events become one mail. Beyond NervesHub.",
    );
    c.get(
        "/orgs/{org}/products/{product}/mail_rules",
        MANAGE,
        mail_rules::list,
    )
    .says("The product's mail rules")
    .gives::<Vec<mail_rules::View>>();
    c.post(
        "/orgs/{org}/products/{product}/mail_rules",
        MANAGE,
        mail_rules::create,
    )
    .says("Make a mail rule")
    .takes(mail_rules::FIELDS)
    .creates::<mail_rules::View>();
    c.get(
        "/orgs/{org}/products/{product}/mail_rules/{rule}",
        MANAGE,
        mail_rules::show,
    )
    .says("One mail rule, with how its last mail went")
    .gives::<mail_rules::View>();
    c.put(
        "/orgs/{org}/products/{product}/mail_rules/{rule}",
        MANAGE,
        mail_rules::update,
    )
    .says("Change a mail rule")
    .takes(mail_rules::CHANGES)
    .gives::<mail_rules::View>();
    c.delete(
        "/orgs/{org}/products/{product}/mail_rules/{rule}",
        MANAGE,
        mail_rules::delete,
    )
    .says("Delete a mail rule")
    .ends();
    c.post(
        "/orgs/{org}/products/{product}/mail_rules/{rule}/test",
        MANAGE,
        mail_rules::test,
    )
    .says("Send a mail that says it is a test")
    .refuses(422, "This server sends no mail")
    .creates::<mail_rules::View>();
}

fn for_audits(c: &mut Contract) {
    c.get("/orgs/{org}/audit_logs", VIEW, audits::of_org)
        .says("The organization's entries, newest first")
        .query(audits::FILTERS)
        .pages::<audits::View>(25);
    c.get("/orgs/{org}/audit_logs/export", VIEW, audits::export)
        .says("All of them, oldest first, as CSV or JSON")
        .query(audits::FILTERS)
        .query(&[may("format", Words(&["csv", "json"]), "`csv` unless given")])
        .plain(200, "text/csv", "A line an entry, each value as JSON")
        .also_json("An array of entries");
    c.get(
        "/orgs/{org}/products/{product}/audit_logs",
        VIEW,
        audits::of_product,
    )
    .says("A product's entries")
    .query(audits::FILTERS)
    .pages::<audits::View>(25);
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/audit_logs",
        VIEW,
        audits::of_device,
    )
    .says("What was done to a device, and by it")
    .query(audits::FILTERS)
    .pages::<audits::View>(25);
    c.get(
        "/orgs/{org}/products/{product}/deployments/{name}/audit_logs",
        VIEW,
        audits::of_group,
    )
    .says("What was done to a deployment group, and by it")
    .query(audits::FILTERS)
    .pages::<audits::View>(25);
}

/// The OpenAPI document, made once.
#[derive(Clone)]
struct Document(Bytes);

async fn document(Extension(Document(text)): Extension<Document>) -> Response {
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

async fn docs() -> Response {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";
    (
        [(header::CONTENT_SECURITY_POLICY, policy)],
        Html(include_str!("docs.html")),
    )
        .into_response()
}

async fn to_docs() -> Response {
    (StatusCode::FOUND, [(header::LOCATION, "/api/docs")]).into_response()
}

/// Whether a body is longer than what is read of it in any case.
fn long_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|l| l.to_str().ok()?.parse::<u64>().ok());
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|n| n > 8_192)
}

/// What every answer of the API carries, and the one kind of answer that it has.
async fn dress(mut request: Request, next: Next) -> Response {
    let held = RequestPlace::default();
    request.extensions_mut().insert(held.clone());
    let accept = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("*/*");
    let fits = |word: &str| {
        word.contains("json")
            || word.contains("*/*")
            || word.contains("text/plain")
            || word.contains("application/*")
            || word.contains("text/*")
    };
    let long = long_body(request.headers());
    // The page is for browsers, which also ask for anything else.
    let page = matches!(request.uri().path(), "/docs" | "/swaggerui");
    let mut answer = if page || accept.split(',').any(fits) {
        next.run(request).await
    } else {
        Error::NotAcceptable.into_response()
    };
    drop(held);
    let refused = answer.status().is_client_error();
    let headers = answer.headers_mut();
    if refused && long {
        // Its rest may be unread, and the connection good for nothing else: who would send on it again is told.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("max-age=0, private, must-revalidate"),
    );
    if let Ok(id) = HeaderValue::from_str(&format!("{:016x}", random_id())) {
        headers.insert("x-request-id", id);
    }
    answer
}

/// The process answers; nothing else is said.
async fn alive() -> &'static str {
    "Hello, Friend!"
}

/// Whether this server can do its work: 200, or 503 with what is wrong and what to do.
async fn ready(State(app): State<App>) -> Response {
    let problems = app.health.problems();
    let told: Vec<_> = problems
        .iter()
        .map(|p| serde_json::json!({"problem": p, "advice": p.advice()}))
        .collect();
    let status = if problems.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = serde_json::json!({"ready": problems.is_empty(), "problems": told});
    let mut answer = super::answer::json_answer(status, &body);
    if !problems.is_empty() {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    answer
}

/// Whether the database takes writes, in the words of the original.
async fn health(State(app): State<App>) -> (StatusCode, &'static str) {
    if app.health.database_answers() {
        (StatusCode::OK, "Hello, Friend!")
    } else {
        (StatusCode::INTERNAL_SERVER_ERROR, "Sorry, Friend :(")
    }
}
