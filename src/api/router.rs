//! The whole contract on one page: every route with who may ask, what it takes and what it answers.

use crate::access::random_id;
use crate::access::scope::Role;
use crate::api::accounts::{pages, tokens, users};
use crate::api::catalog::{archives, firmwares, keys, products, shared_secrets, uploads};
use crate::api::deployments::groups;
use crate::api::devices::{
    self, ca_certificates, csv_import, device_certificates, extensions, history, iroh_endpoints,
};
use crate::api::events::{audits, socket, stream};
use crate::api::http::before::before_routing;
use crate::api::http::contract::Auth::{self, Anyone, Person, Publisher};
use crate::api::http::contract::FieldType::{Flag, Map, Number, Object, Tags, Text, Words};
use crate::api::http::contract::{Contract, Field, FieldType, optional_field, required};
use crate::api::http::error::Error;
use crate::api::http::extract::RequestSlot;
use crate::api::support::{mail_rules, scripts, webhooks};
use crate::app::App;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{any, get};
use std::collections::BTreeMap;

const VIEW: Auth = Auth::Member(Role::View);
const MANAGE: Auth = Auth::Member(Role::Manage);
const ADMIN: Auth = Auth::Member(Role::Admin);
const ROLES: FieldType = Words(&["view", "manage", "admin"]);
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
    c.tag(
        "Platform Status",
        "This document, and whether the server lives.",
    );
    c.get("/openapi", Anyone, document)
        .summary("This document")
        .media(200, "application/json", "OpenAPI 3.1");
    c.get("/docs", Anyone, docs)
        .summary("This document, to browse")
        .media(200, "text/html", "A page");
    c.get("/swaggerui", Anyone, to_docs)
        .summary("To the page")
        .status(302, "To /api/docs");
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
    c.tag("Auth", "Who you are.");
    let login: &[Field] = &[
        required("email", Text, "Your login"),
        required("password", Text, "Your password"),
        optional_field("note", Text, "What the token is for"),
    ];
    c.post("/users/auth", Anyone, users::login)
        .summary("Trade a password for a new token")
        .body_fields(login)
        .ok::<users::LoginView>()
        .error(401, "A wrong email or password")
        .error(
            429,
            "Too many wrong passwords of this account, or from this address",
        );
    c.post("/users/login", Anyone, users::login)
        .summary("The same, by the path that `nh` takes")
        .body_fields(login)
        .ok::<users::LoginView>()
        .error(401, "A wrong email or password")
        .error(
            429,
            "Too many wrong passwords of this account, or from this address",
        )
        .operation_id("users.login_as_nh");
    c.post("/auth/cli_session", Anyone, pages::begin)
        .summary("Begin the login of a command line through a browser")
        .body_fields(&[optional_field("note", Text, "What the token is for")])
        .error(503, "Too many logins wait already")
        .ok::<pages::CliSession>();
    c.get("/auth/cli_session/{session}", Anyone, pages::status)
        .summary("Whether it was confirmed; at most 30 times a minute")
        .ok::<pages::CliStatus>()
        .media(403, "text/plain", "Asked too often");
    c.get("/users/me", Person, users::me)
        .summary("The person whose token it is")
        .ok::<users::Me>();

    c.put("/users/me/password", Person, users::change_password)
        .summary("Change your password; all your other tokens end, and only a token that grants all may ask")
        .body_fields(&[
            required("current_password", Text, "The present one"),
            required("new_password", Text, "12 to 1,024 characters"),
        ])
        .no_content()
        .error(429, "Too many wrong passwords");
    c.get("/users/me/tokens", Person, tokens::list)
        .summary("Your tokens, newest first; only a token that grants all may ask")
        .ok::<Vec<tokens::TokenView>>();
    c.post("/users/me/tokens", Person, tokens::create)
        .summary("Make a token; it is shown once")
        .body_fields(tokens::FIELDS)
        .created::<tokens::Minted>();
    c.delete("/users/me/tokens/{token}", Person, tokens::delete)
        .summary("Delete one of your tokens")
        .no_content();

    c.tag("Organizations", "What holds products, keys and people.");
    c.get("/orgs", Person, users::orgs)
        .summary("Organizations that you belong to")
        .query(&[optional_field(
            "include",
            Text,
            "`products` for their products",
        )])
        .accepts_any_value()
        .ok::<Vec<users::OrgView>>();
}

fn org(c: &mut Contract) {
    c.tag(
        "Organization Members",
        "People of an organization, and their roles.",
    );
    c.get("/orgs/{org}/users", ADMIN, users::members)
        .summary("The members")
        .ok::<Vec<users::MemberView>>();
    let member: &[Field] = &[
        required("email", Text, "The person's login"),
        optional_field(
            "username",
            Text,
            "The same, as older releases of `nh` say it",
        ),
        required("role", ROLES, "What the person may do"),
    ];
    c.post("/orgs/{org}/users", ADMIN, users::add_member)
        .summary("Make a person a member")
        .body_fields(member)
        .created::<users::MemberView>()
        .status(204, "Nobody has this email; an invitation waits for them");
    c.post("/orgs/{org}/users/invite", ADMIN, users::add_member)
        .summary("The same, by the newer path")
        .body_fields(member)
        .created::<users::MemberView>()
        .status(204, "Nobody has this email; an invitation waits for them")
        .operation_id("users.invite");
    c.get("/orgs/{org}/invites", ADMIN, pages::invites)
        .summary("Open invitations. Beyond NervesHub")
        .ok::<Vec<pages::Invitation>>();
    c.post("/orgs/{org}/invites", ADMIN, pages::make_invite)
        .summary("Invite somebody and get the link, which is shown this once. Inviting the same address again makes a new link. Beyond NervesHub")
        .body_fields(member)
        .created::<pages::MadeInvitation>();
    c.delete("/orgs/{org}/invites/{email}", ADMIN, users::rescind)
        .summary("Take an invitation back. Beyond NervesHub")
        .no_content();
    c.get("/orgs/{org}/users/{email}", ADMIN, users::member)
        .summary("One member")
        .ok::<users::MemberView>();
    c.put("/orgs/{org}/users/{email}", ADMIN, users::set_role)
        .summary("Change a member's role")
        .body_fields(&[required("role", ROLES, "The new role")])
        .ok::<users::MemberView>();
    c.delete("/orgs/{org}/users/{email}", ADMIN, users::remove_member)
        .summary("Take a member out; the last administrator stays")
        .no_content()
        .error(422, "The last administrator");

    c.tag(
        "Service Accounts",
        "Members without a password, for programs. Beyond NervesHub.",
    );
    c.get("/orgs/{org}/service_accounts", ADMIN, tokens::services)
        .summary("The accounts, by name")
        .ok::<Vec<tokens::ServiceView>>();
    c.post("/orgs/{org}/service_accounts", ADMIN, tokens::add_service)
        .summary("Make an account")
        .body_fields(&[
            required("name", Text, "Its name"),
            required("role", ROLES, "What it may do"),
        ])
        .created::<tokens::ServiceView>();
    c.delete(
        "/orgs/{org}/service_accounts/{account}",
        ADMIN,
        tokens::remove_service,
    )
    .summary("Remove an account and all its tokens")
    .no_content();
    c.get(
        "/orgs/{org}/service_accounts/{account}/tokens",
        ADMIN,
        tokens::of_service,
    )
    .summary("An account's tokens, newest first")
    .ok::<Vec<tokens::TokenView>>();
    c.post(
        "/orgs/{org}/service_accounts/{account}/tokens",
        ADMIN,
        tokens::add_to_service,
    )
    .summary("Make a token for an account; it is shown once")
    .body_fields(tokens::FIELDS)
    .created::<tokens::Minted>();
    c.delete(
        "/orgs/{org}/service_accounts/{account}/tokens/{token}",
        ADMIN,
        tokens::remove_of_service,
    )
    .summary("Delete one of an account's tokens")
    .no_content();

    c.tag(
        "Signing Keys",
        "Public keys whose firmware an organization accepts.",
    );
    c.get("/orgs/{org}/keys", VIEW, keys::list)
        .summary("The keys, oldest first")
        .ok::<Vec<keys::Key>>();
    c.post("/orgs/{org}/keys", MANAGE, keys::create)
        .summary("Register a key")
        .body_fields(&[
            required("name", Text, "Its name"),
            required(
                "key",
                Text,
                "Base64 of the 32 bytes of an Ed25519 public key",
            ),
            optional_field(
                "scheme",
                Words(&["ed25519", "secure_boot_v2_rsa"]),
                "What kind of key",
            ),
        ])
        .created::<keys::Key>();
    c.get("/orgs/{org}/keys/{name}", VIEW, keys::show)
        .summary("One key")
        .ok::<keys::Key>();
    c.delete("/orgs/{org}/keys/{name}", MANAGE, keys::delete)
        .summary("Delete a key that nothing was signed with")
        .no_content()
        .error(409, "Something was signed with it");

    c.tag("CA Certificates", "Authorities whose devices may connect.");
    c.get("/orgs/{org}/ca_certificates", VIEW, ca_certificates::list)
        .summary("The authorities")
        .ok::<Vec<ca_certificates::CaCertificate>>();
    c.get(
        "/orgs/{org}/ca_certificates/verification_token",
        VIEW,
        ca_certificates::verification_token,
    )
    .summary("What proves that you own an authority, for an hour")
    .ok::<ca_certificates::VerificationToken>();
    c.post("/orgs/{org}/ca_certificates", MANAGE, ca_certificates::create)
        .summary("Register an authority")
        .description("`verification_cert` is signed by the authority and has the one alternative name `urn:nerveshub:verify:<verification token>`.")
        .body_fields(&[
            required("cert", Text, "Base64 of its PEM"),
            required("verification_cert", Text, "Base64 of the PEM of the proof"),
            optional_field("description", Text, "Free text"),
            optional_field("check_expiration", Flag, "Whether this authority vouches for no device any more once its own certificate has expired"),
            optional_field("jitp", Object(ca_certificates::JITP), "What devices become that nobody registered"),
        ])
        .created::<ca_certificates::CaCertificate>();
    c.get(
        "/orgs/{org}/ca_certificates/{serial}",
        VIEW,
        ca_certificates::show,
    )
    .summary("One authority, by its decimal serial number or, in hex, its key identifier")
    .ok::<ca_certificates::CaCertificate>()
    .error(409, SAME_SERIAL);
    c.delete(
        "/orgs/{org}/ca_certificates/{serial}",
        MANAGE,
        ca_certificates::delete,
    )
    .summary("Forget an authority; devices stay connected")
    .no_content()
    .error(409, SAME_SERIAL);
}

fn iroh(c: &mut Contract) {
    c.tag(
        "Iroh Endpoints",
        "Keys of devices and people on the iroh network.",
    );
    c.get("/orgs/{org}/iroh_endpoints", VIEW, iroh_endpoints::list)
        .summary("The keys, newest first")
        .query(&[
            optional_field(
                "owner",
                Words(&["device", "user", "none"]),
                "Whose they are",
            ),
            optional_field(
                "search",
                Text,
                "Beginning of the key, or part of a device's identifier or a member's name",
            ),
        ])
        .ok::<Vec<iroh_endpoints::IrohEndpointView>>();
    c.post("/orgs/{org}/iroh_endpoints", MANAGE, iroh_endpoints::create)
        .summary("Register a key")
        .body_fields(&[
            required("identifier", Text, "The key"),
            optional_field("instance", Text, "One of several; `default` unless given"),
            optional_field("details", Map, "Whatever belongs to it, at most 4096 bytes"),
            optional_field("user_email", Text, "The member whose it is"),
        ])
        .created::<iroh_endpoints::IrohEndpointView>()
        .error(409, "It is registered already");
    c.get(
        "/orgs/{org}/iroh_endpoints/{identifier}",
        VIEW,
        iroh_endpoints::show,
    )
    .summary("One key")
    .ok::<iroh_endpoints::IrohEndpointView>();
    c.delete(
        "/orgs/{org}/iroh_endpoints/{identifier}",
        MANAGE,
        iroh_endpoints::delete,
    )
    .summary("Forget a key; a device that reports it brings it back")
    .no_content();
}

fn products_and_secrets(c: &mut Contract) {
    c.tag("Products", "What devices of one kind belong to.");
    c.get("/orgs/{org}/products", VIEW, products::list)
        .summary("The products")
        .ok::<Vec<products::ProductView>>();
    c.post("/orgs/{org}/products", ADMIN, products::create)
        .summary("Make a product")
        .body_fields(&[required("name", Text, "Its name")])
        .created::<products::ProductView>();
    c.get(PRODUCT, VIEW, products::show)
        .summary("One product")
        .ok::<products::ProductView>();
    let settings: &[Field] = &[
        optional_field(
            "require_unique_firmware_version",
            Flag,
            "Whether a version can be uploaded once only",
        ),
        optional_field(
            "allowed_update_tools",
            Tags,
            "Which kinds of firmware it takes: `fwup`, `esp-idf`",
        ),
        optional_field(
            "allow_unsigned_esp_idf_firmware",
            Flag,
            "Whether ESP-IDF images need no signature",
        ),
    ];
    c.put(PRODUCT, MANAGE, products::update)
        .summary("Change settings; a product cannot be renamed")
        .body_fields_only(settings)
        .ok::<products::ProductView>();
    c.patch(PRODUCT, MANAGE, products::update)
        .summary("The same")
        .body_fields_only(settings)
        .ok::<products::ProductView>();
    c.delete(PRODUCT, ADMIN, products::delete)
        .summary("Delete an empty product")
        .no_content()
        .error(409, "It still holds something");
    c.get(
        "/orgs/{org}/products/{product}/extensions",
        VIEW,
        extensions::of_product,
    )
    .summary("Which extensions the product uses")
    .ok::<BTreeMap<String, bool>>();
    c.put(
        "/orgs/{org}/products/{product}/extensions",
        MANAGE,
        extensions::set_product,
    )
    .summary("Switch extensions on and off, also on devices that are connected")
    .body_fields(&[required(
        "extensions",
        Map,
        "Booleans by name, such as `{\"health\": true}`",
    )])
    .ok::<BTreeMap<String, bool>>();

    c.tag(
        "Shared Secrets",
        "How devices without certificates prove who they are. Beyond NervesHub.",
    );
    c.get(
        "/orgs/{org}/products/{product}/shared_secrets",
        MANAGE,
        shared_secrets::list,
    )
    .summary("The product's, without the secrets")
    .ok::<Vec<shared_secrets::SharedSecret>>();
    c.post(
        "/orgs/{org}/products/{product}/shared_secrets",
        MANAGE,
        shared_secrets::create,
    )
    .summary("Make one; it is shown once")
    .created::<shared_secrets::NewSharedSecret>();
    c.delete(
        "/orgs/{org}/products/{product}/shared_secrets/{*key}",
        MANAGE,
        shared_secrets::delete,
    )
    .summary("Deactivate one")
    .no_content();
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/shared_secrets",
        MANAGE,
        shared_secrets::list_of_device,
    )
    .summary("A device's, without the secrets")
    .ok::<Vec<shared_secrets::SharedSecret>>();
    c.post(
        "/orgs/{org}/products/{product}/devices/{device}/shared_secrets",
        MANAGE,
        shared_secrets::create_for_device,
    )
    .summary("Make one for a device; it is shown once")
    .created::<shared_secrets::NewSharedSecret>();
    c.delete(
        "/orgs/{org}/products/{product}/devices/{device}/shared_secrets/{*key}",
        MANAGE,
        shared_secrets::delete_of_device,
    )
    .summary("Deactivate a device's")
    .no_content();
}

/// Fields of a device that people write.
const DEVICE: &[Field] = &[
    optional_field("description", Text, "Free text"),
    optional_field("tags", Tags, "Words without spaces"),
    optional_field("updates_enabled", Flag, "Whether it is updated by itself"),
    optional_field(
        "connecting_code",
        Text,
        "Code that it runs when it connects",
    ),
    optional_field("extensions", Map, "Booleans by name of an extension"),
];

fn devices_of_products(c: &mut Contract) {
    c.tag("Devices", "Devices of a product.");
    c.get(
        "/orgs/{org}/products/{product}/devices",
        VIEW,
        devices::list,
    )
    .summary("Devices, narrowed, ordered and paged")
    .query(devices::FILTERS)
    .page::<devices::DeviceView>(10);
    c.post(
        "/orgs/{org}/products/{product}/devices",
        MANAGE,
        devices::create,
    )
    .summary("Register a device")
    .body_fields(
        &[
            &[required("identifier", Text, "Unique on the whole server")],
            DEVICE,
        ]
        .concat(),
    )
    .created::<devices::DeviceView>();
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}",
        VIEW,
        devices::show,
    )
    .summary("One device, also one that was deleted")
    .ok::<devices::DeviceView>();
    c.put(
        "/orgs/{org}/products/{product}/devices/{device}",
        MANAGE,
        devices::update,
    )
    .summary("Change a device; answers 201, as clients expect")
    .description("`deleted_at: null` restores a deleted device.")
    .body_fields(
        &[
            DEVICE,
            &[
                // `nh` sends it along; the original takes it and changes nothing.
                optional_field("identifier", Text, "Its own, which stays as it is"),
                optional_field("deleted_at", Text, "Null, which restores a deleted device"),
            ],
        ]
        .concat(),
    )
    .created::<devices::DeviceView>();
    c.delete(
        "/orgs/{org}/products/{product}/devices/{device}",
        MANAGE,
        devices::delete,
    )
    .summary("Delete a device so that it can be restored")
    .no_content();
    c.delete(
        "/orgs/{org}/products/{product}/devices/{device}/destroy",
        MANAGE,
        devices::destroy,
    )
    .summary("Destroy a deleted device; its identifier is free again. Beyond NervesHub")
    .no_content()
    .error(409, "It was not deleted before");
    c.post(
        "/orgs/{org}/products/{product}/devices/{device}/reboot",
        MANAGE,
        devices::reboot,
    )
    .summary("Ask it to reboot")
    .no_content();
    c.post(
        "/orgs/{org}/products/{product}/devices/{device}/identify",
        MANAGE,
        devices::identify,
    )
    .summary("Ask it to show which one it is")
    .no_content();
    c.post(
        "/orgs/{org}/products/{product}/devices/{device}/reconnect",
        MANAGE,
        devices::reconnect,
    )
    .summary("Drop its socket; it connects again")
    .no_content();
    c.post(
        "/orgs/{org}/products/{product}/devices/{device}/code",
        MANAGE,
        devices::code,
    )
    .summary("Type into its remote console")
    .body_fields(CODE)
    .no_content();
    c.post(
        "/orgs/{org}/products/{product}/devices/{device}/upgrade",
        MANAGE,
        devices::upgrade,
    )
    .summary("Send it a firmware, whole, and switch its automatic updates off")
    .body_fields(UPGRADE)
    .no_content();
    c.post(
        "/orgs/{org}/products/{product}/devices/{device}/move",
        MANAGE,
        devices::move_to,
    )
    .summary("Move it to another product, for which you need the role `manage` too")
    .body_fields(MOVE)
    .ok::<devices::DeviceView>();
    c.delete(
        "/orgs/{org}/products/{product}/devices/{device}/penalty",
        MANAGE,
        devices::clear_penalty,
    )
    .summary("Let it out of the penalty box")
    .no_content();
}

fn many_devices(c: &mut Contract) {
    c.upload("/orgs/{org}/products/{product}/devices/import", MANAGE, csv_import::import)
        .summary("Register many devices")
        .description("A JSON array is a Microchip Trust&Go manifest: 201 at once, the work is done in the background, and a notification tells how it went. \
               CSV (`content-type: text/csv`) is imported all or nothing before the answer: the first line names the columns `identifier`, `description`, `tags`, `certificates`; \
               others are ignored. Bad rows are told by line in `errors.rows`.")
        .headers(&[
            optional_field("format", Words(&["microchip_trust_and_go"]), "Kind of manifest"),
            optional_field("tags", Text, "With commas; tags of all devices of a manifest"),
        ])
        .body_of(&[
            ("application/json", serde_json::json!({"type": "array", "items": {"type": "object"}})),
            ("text/csv", serde_json::json!({"type": "string"})),
        ])
        .status(201, "A manifest was taken")
        .ok::<csv_import::Imported>();
    c.get(
        "/orgs/{org}/products/{product}/devices.csv",
        VIEW,
        csv_import::export,
    )
    .summary("All devices as CSV, streamed: `identifier,description,tags,product,org,certificates`")
    .media(200, "text/csv", "A line a device");
    c.post(
        "/orgs/{org}/products/{product}/devices/auth",
        VIEW,
        device_certificates::auth,
    )
    .summary("The device that holds exactly this certificate")
    .body_fields(&[required("certificate", Text, "Base64 of its PEM")])
    .ok::<devices::DeviceView>()
    .status(403, "No device of the organization holds it");
}

const CODE: &[Field] = &[
    optional_field("code", Text, "What to type"),
    optional_field("body", Text, "The same"),
];
const UPGRADE: &[Field] = &[required("uuid", Text, "The firmware")];
const MOVE: &[Field] = &[
    required("new_org_name", Text, "The organization that it goes to"),
    required("new_product_name", Text, "The product that it goes to"),
];
const TIMEOUT: &[Field] = &[optional_field(
    "timeout",
    Number,
    "Milliseconds to wait, 30000 unless given",
)];

fn what_devices_have(c: &mut Contract) {
    c.tag("Device Certificates", "Certificates that are one device's.");
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/certificates",
        VIEW,
        device_certificates::list,
    )
    .summary("The device's certificates")
    .ok::<Vec<device_certificates::DeviceCertificate>>();
    c.post(
        "/orgs/{org}/products/{product}/devices/{device}/certificates",
        MANAGE,
        device_certificates::create,
    )
    .summary("Register a certificate")
    .body_fields(&[required("cert", Text, "Base64 of its PEM")])
    .created::<device_certificates::DeviceCertificate>();
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/certificates/{serial}",
        VIEW,
        device_certificates::show,
    )
    .summary("One certificate, by its decimal serial number or its SHA-1 in hex")
    .ok::<device_certificates::DeviceCertificate>();
    c.delete(
        "/orgs/{org}/products/{product}/devices/{device}/certificates/{serial}",
        MANAGE,
        device_certificates::delete,
    )
    .summary("Forget a certificate")
    .no_content()
    .error(409, SAME_SERIAL);

    c.tag(
        "Network Identities",
        "Keys that devices hold on other networks.",
    );
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/network_identities",
        VIEW,
        history::identities,
    )
    .summary("The device's keys")
    .query(&[
        optional_field(
            "service",
            Text,
            "`iroh`, `netbird`, `tailscale` or `wireguard`",
        ),
        optional_field("instance", Text, "One of several"),
    ])
    .ok::<Vec<history::NetworkIdentity>>();

    c.tag(
        "Device Reports",
        "What devices say of themselves, and what became of them. Beyond NervesHub.",
    );
    let newest: &[Field] = &[optional_field(
        "limit",
        Number,
        "How many, 25 unless given, at most 1000",
    )];
    let reports: &[Field] = &[
        optional_field("hours", Number, "How far back, at most 168"),
        optional_field("limit", Number, "How many, 25 unless given, at most 1000"),
        optional_field("refresh", Flag, "Ask the device for a new one"),
    ];
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/extensions",
        VIEW,
        extensions::of_device,
    )
    .summary("Which extensions the device uses")
    .ok::<BTreeMap<String, extensions::ExtensionSwitch>>();
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/health",
        VIEW,
        extensions::health,
    )
    .summary("Health reports, newest first")
    .query(reports)
    .ok::<Vec<extensions::HealthView>>();
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/location",
        VIEW,
        extensions::location,
    )
    .summary("Where it is; null before the first report")
    .ok::<Option<extensions::Location>>();
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/logs",
        VIEW,
        extensions::logs,
    )
    .summary("Lines of its log, newest first")
    .query(newest)
    .ok::<Vec<extensions::LogView>>();
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/connections",
        VIEW,
        history::connections,
    )
    .summary("Connections, newest first")
    .query(newest)
    .ok::<Vec<history::Connection>>();
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/firmwares",
        VIEW,
        history::firmwares,
    )
    .summary("What it ran, newest first")
    .query(newest)
    .ok::<Vec<history::DeviceFirmware>>();
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/updates",
        VIEW,
        history::updates,
    )
    .summary("Updates, summed up and the newest")
    .query(newest)
    .ok::<history::Updates>();
}

fn short_addresses(c: &mut Contract) {
    c.tag(
        "Devices (short URL)",
        "The same by the identifier alone, in whatever organization of yours.",
    );
    c.get("/devices/{device}", VIEW, devices::show)
        .summary("One device")
        .ok::<devices::DeviceView>();
    c.post("/devices/{device}/reboot", MANAGE, devices::reboot)
        .summary("Ask it to reboot")
        .no_content();
    c.post("/devices/{device}/identify", MANAGE, devices::identify)
        .summary("Ask it to show which one it is")
        .no_content();
    c.post("/devices/{device}/reconnect", MANAGE, devices::reconnect)
        .summary("Drop its socket")
        .no_content();
    c.post("/devices/{device}/code", MANAGE, devices::code)
        .summary("Type into its remote console")
        .body_fields(CODE)
        .no_content();
    c.post("/devices/{device}/upgrade", MANAGE, devices::upgrade)
        .summary("Send it a firmware")
        .body_fields(UPGRADE)
        .no_content();
    c.post("/devices/{device}/move", MANAGE, devices::move_to)
        .summary("Move it to another product")
        .body_fields(MOVE)
        .ok::<devices::DeviceView>();
    c.delete("/devices/{device}/penalty", MANAGE, devices::clear_penalty)
        .summary("Let it out of the penalty box")
        .no_content();
    c.get("/devices/{device}/scripts", VIEW, scripts::list)
        .summary("Scripts of its product")
        .query(scripts::FILTERS)
        .accepts_any_value()
        .page::<scripts::ScriptEntry>(25);
    c.post("/devices/{device}/scripts/{script}", VIEW, scripts::run)
        .summary("Run a script on it")
        .query(TIMEOUT)
        .accepts_any_value()
        .media(200, "text/plain", "What it printed")
        .error(403, "The device is away or silent");
}

fn files(c: &mut Contract) {
    c.tag("Firmwares", "Signed images.");
    c.get(
        "/orgs/{org}/products/{product}/firmwares",
        Publisher(Role::View),
        firmwares::list,
    )
    .summary("Firmware, highest version first")
    .ok::<Vec<firmwares::Firmware>>();
    c.upload(
        "/orgs/{org}/products/{product}/firmwares",
        Publisher(Role::Manage),
        firmwares::upload,
    )
    .summary("Upload a firmware")
    .file("firmware")
    .created::<firmwares::Firmware>();
    c.get(
        "/orgs/{org}/products/{product}/firmwares/{uuid}",
        Publisher(Role::View),
        firmwares::show,
    )
    .summary("One firmware")
    .ok::<firmwares::Firmware>();
    c.delete(
        "/orgs/{org}/products/{product}/firmwares/{uuid}",
        MANAGE,
        firmwares::delete,
    )
    .summary("Delete a firmware that no release ever used")
    .no_content()
    .error(422, "A release uses it, or did");
    c.get(
        "/orgs/{org}/products/{product}/firmwares/{uuid}/download",
        MANAGE,
        firmwares::download,
    )
    .summary("To a signed link that expires")
    .status(302, "To the file");

    for_uploads(c);
    c.tag(
        "Archives",
        "Signed files for applications on devices. Beyond NervesHub.",
    );
    c.get(
        "/orgs/{org}/products/{product}/archives",
        VIEW,
        archives::list,
    )
    .summary("Archives, highest version first")
    .ok::<Vec<archives::Archive>>();
    c.upload(
        "/orgs/{org}/products/{product}/archives",
        MANAGE,
        archives::upload,
    )
    .summary("Upload an archive")
    .file("archive")
    .created::<archives::Archive>();
    c.get(
        "/orgs/{org}/products/{product}/archives/{uuid}",
        VIEW,
        archives::show,
    )
    .summary("One archive")
    .ok::<archives::Archive>();
    c.delete(
        "/orgs/{org}/products/{product}/archives/{uuid}",
        MANAGE,
        archives::delete,
    )
    .summary("Delete an archive that no release uses")
    .no_content()
    .error(422, "A release uses it");
    c.get(
        "/orgs/{org}/products/{product}/archives/{uuid}/download",
        MANAGE,
        archives::download,
    )
    .summary("To a signed link that expires")
    .status(302, "To the file");
}

fn deployment_groups(c: &mut Contract) {
    c.tag(
        "Deployment Groups",
        "Which devices get which firmware, and how fast.",
    );
    c.get(
        "/orgs/{org}/products/{product}/deployments",
        VIEW,
        groups::list,
    )
    .summary("Deployment groups, by name")
    .ok::<Vec<groups::DeploymentGroup>>();
    c.post(
        "/orgs/{org}/products/{product}/deployments",
        MANAGE,
        groups::create,
    )
    .summary("Make a deployment group; it is off")
    .body_fields(&[
        required("name", Text, "Its name"),
        required(
            "firmware",
            Text,
            "uuid of the firmware of its first release",
        ),
        required(
            "conditions",
            Object(groups::CONDITIONS),
            "Which devices it is for; `{}` matches every device",
        ),
        optional_field("archive", Text, "uuid of an archive"),
        optional_field("delta_updatable", Flag, "Whether devices may get deltas"),
        optional_field("notes", Text, "Free text, at most 1000 characters"),
        optional_field("platform", Text, "Must be the firmware's"),
        optional_field("architecture", Text, "Must be the firmware's"),
    ])
    .created::<groups::DeploymentGroup>();
    c.get(
        "/orgs/{org}/products/{product}/deployments/{name}/releases",
        VIEW,
        groups::releases,
    )
    .summary("A group's releases, newest first. Beyond NervesHub")
    .ok::<Vec<groups::ListedRelease>>();
    c.get(
        "/orgs/{org}/products/{product}/deployments/{name}",
        VIEW,
        groups::show,
    )
    .summary("One deployment group")
    .ok::<groups::DeploymentGroup>();
    c.put("/orgs/{org}/products/{product}/deployments/{name}", MANAGE, groups::update)
        .summary("Make a new release, or change settings")
        .description("With `firmware` or `archive` in it, `deployment` makes a release and everything else but `description` and `notes` is ignored; without them it changes settings.")
        .body_fields(&[required("deployment", Object(groups::CHANGES), "A release, or settings")])
        .ok::<groups::DeploymentGroup>();
    c.delete(
        "/orgs/{org}/products/{product}/deployments/{name}",
        MANAGE,
        groups::delete,
    )
    .summary("Delete a deployment group; devices keep running")
    .no_content();
}

fn scripts_and_notices(c: &mut Contract) {
    c.tag("Support Scripts", "Code that people run on devices.");
    c.get(
        "/orgs/{org}/products/{product}/scripts",
        VIEW,
        scripts::list,
    )
    .summary("Scripts, by name")
    .query(scripts::FILTERS)
    .accepts_any_value()
    .page::<scripts::ScriptEntry>(25);
    c.post(
        "/orgs/{org}/products/{product}/scripts",
        MANAGE,
        scripts::create,
    )
    .summary("Make a script; answers 200, as clients expect")
    .body_fields(&[
        required("name", Text, "Its name"),
        required("text", Text, "What the device runs"),
        optional_field("tags", Tags, "Words without spaces"),
    ])
    .ok::<scripts::Script>();
    c.get(
        "/orgs/{org}/products/{product}/scripts/{script}",
        VIEW,
        scripts::show,
    )
    .summary("One script, by its number")
    .ok::<scripts::Script>();
    c.put(
        "/orgs/{org}/products/{product}/scripts/{script}",
        MANAGE,
        scripts::update,
    )
    .summary("Change a script")
    .body_fields(&[
        optional_field("name", Text, "Its name"),
        optional_field("text", Text, "What the device runs"),
        optional_field("tags", Tags, "Words without spaces"),
    ])
    .ok::<scripts::Script>();
    c.delete(
        "/orgs/{org}/products/{product}/scripts/{script}",
        MANAGE,
        scripts::delete,
    )
    .summary("Delete a script")
    .no_content();
    c.post(
        "/orgs/{org}/products/{product}/devices/{device}/scripts/{script}",
        VIEW,
        scripts::run,
    )
    .summary("Run a script, by name or number, on a device")
    .query(TIMEOUT)
    .accepts_any_value()
    .media(200, "text/plain", "What it printed")
    .error(403, "The device is away or silent");

    for_webhooks(c);
    for_mail(c);
    c.tag(
        "Events",
        "What happens to devices, as Server-Sent Events: online, offline, firmware_update, health. Beyond NervesHub; its event socket is at /events-socket.",
    );
    c.get(
        "/orgs/{org}/products/{product}/events",
        VIEW,
        stream::of_product,
    )
    .summary("Of all devices of a product")
    .media(200, "text/event-stream", "Does not end by itself")
    .error(429, "You watch in too many places already")
    .error(503, "Too many watch this server");
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/events",
        VIEW,
        stream::of_device,
    )
    .summary("Of one device")
    .media(200, "text/event-stream", "Does not end by itself")
    .error(429, "You watch in too many places already")
    .error(503, "Too many watch this server");
    c.get(
        "/orgs/{org}/products/{product}/deployments/{name}/events",
        VIEW,
        stream::of_group,
    )
    .summary("Of the devices of a deployment group")
    .media(200, "text/event-stream", "Does not end by itself")
    .error(429, "You watch in too many places already")
    .error(503, "Too many watch this server");

    c.tag(
        "Audit Log",
        "Who did what, when; entries are chained, so that none can be altered unseen. Beyond NervesHub.",
    );
    for_audits(c);

    c.tag(
        "Notifications",
        "What a product's people should know. Beyond NervesHub.",
    );
    c.get(
        "/orgs/{org}/products/{product}/notifications",
        VIEW,
        history::notifications,
    )
    .summary("Last occurrence first")
    .page::<history::Notification>(25);
    c.delete(
        "/orgs/{org}/products/{product}/notifications",
        MANAGE,
        history::dismiss,
    )
    .summary("Dismiss all of them, for everybody")
    .no_content();
}

fn for_webhooks(c: &mut Contract) {
    c.tag(
        "Webhooks",
        "Programs that are told over HTTP, signed as Standard Webhooks has it. Beyond NervesHub.",
    );
    c.get(
        "/orgs/{org}/products/{product}/webhooks",
        MANAGE,
        webhooks::list,
    )
    .summary("The product's webhooks")
    .ok::<Vec<webhooks::WebhookView>>();
    c.post(
        "/orgs/{org}/products/{product}/webhooks",
        MANAGE,
        webhooks::create,
    )
    .summary("Make a webhook; its secret is shown once")
    .body_fields(webhooks::FIELDS)
    .created::<webhooks::NewWebhook>();
    c.get(
        "/orgs/{org}/products/{product}/webhooks/{webhook}",
        MANAGE,
        webhooks::show,
    )
    .summary("One webhook")
    .ok::<webhooks::WebhookView>();
    c.put(
        "/orgs/{org}/products/{product}/webhooks/{webhook}",
        MANAGE,
        webhooks::update,
    )
    .summary("Change a webhook")
    .body_fields(webhooks::CHANGES)
    .ok::<webhooks::WebhookView>();
    c.delete(
        "/orgs/{org}/products/{product}/webhooks/{webhook}",
        MANAGE,
        webhooks::delete,
    )
    .summary("Delete a webhook and its log")
    .no_content();
    c.post(
        "/orgs/{org}/products/{product}/webhooks/{webhook}/test",
        MANAGE,
        webhooks::test,
    )
    .summary("Send a message that says it is a test")
    .created::<webhooks::WebhookDelivery>();
    c.get(
        "/orgs/{org}/products/{product}/webhooks/{webhook}/deliveries",
        MANAGE,
        webhooks::log,
    )
    .summary("What it was told, newest first; kept for 30 days")
    .page::<webhooks::WebhookDelivery>(25);
    c.post(
        "/orgs/{org}/products/{product}/webhooks/{webhook}/deliveries/{delivery}/retry",
        MANAGE,
        webhooks::retry,
    )
    .summary("Send a message again")
    .no_content();
}

fn for_uploads(c: &mut Contract) {
    c.tag(
        "Uploads",
        "A file in several requests, so that one that was cut goes on where it stopped. Beyond NervesHub.",
    );
    c.post(
        "/orgs/{org}/products/{product}/uploads",
        Publisher(Role::Manage),
        uploads::begin,
    )
    .summary(
        "Begin an upload, or find the one of the same file that was cut; it waits for six hours",
    )
    .body_fields(uploads::FIELDS)
    .created::<uploads::UploadView>()
    .error(429, "Too many of your uploads are under way")
    .error(503, "Too many uploads are under way");
    c.get(
        "/orgs/{org}/products/{product}/uploads/{upload}",
        Publisher(Role::Manage),
        uploads::show,
    )
    .summary("How far it is")
    .ok::<uploads::UploadView>();
    c.patch(
        "/orgs/{org}/products/{product}/uploads/{upload}",
        Publisher(Role::Manage),
        uploads::write,
    )
    .summary("Send bytes from an offset on; what came of a request that is cut is kept")
    .query(uploads::FROM)
    .bytes()
    .ok::<uploads::UploadView>()
    .error(409, "Another offset is the right one")
    .error(413, "More bytes than were announced");
    c.delete(
        "/orgs/{org}/products/{product}/uploads/{upload}",
        Publisher(Role::Manage),
        uploads::cancel,
    )
    .summary("Give it up")
    .no_content();
    c.post(
        "/orgs/{org}/products/{product}/uploads/{upload}/firmware",
        Publisher(Role::Manage),
        uploads::firmware,
    )
    .summary("Make a firmware of it")
    .created::<firmwares::Firmware>()
    .error(409, "There is more to send");
    c.post(
        "/orgs/{org}/products/{product}/uploads/{upload}/archive",
        MANAGE,
        uploads::archive,
    )
    .summary("Make an archive of it")
    .created::<archives::Archive>()
    .error(409, "There is more to send")
    .error(422, "What came is no archive of this product");
}

fn for_mail(c: &mut Contract) {
    c.tag(
        "Mail Rules",
        "Members who are told by mail of what webhooks are told; several events become one mail. Beyond NervesHub.",
    );
    c.get(
        "/orgs/{org}/products/{product}/mail_rules",
        MANAGE,
        mail_rules::list,
    )
    .summary("The product's mail rules")
    .ok::<Vec<mail_rules::MailRuleView>>();
    c.post(
        "/orgs/{org}/products/{product}/mail_rules",
        MANAGE,
        mail_rules::create,
    )
    .summary("Make a mail rule")
    .body_fields(mail_rules::FIELDS)
    .created::<mail_rules::MailRuleView>();
    c.get(
        "/orgs/{org}/products/{product}/mail_rules/{rule}",
        MANAGE,
        mail_rules::show,
    )
    .summary("One mail rule, with how its last mail went")
    .ok::<mail_rules::MailRuleView>();
    c.put(
        "/orgs/{org}/products/{product}/mail_rules/{rule}",
        MANAGE,
        mail_rules::update,
    )
    .summary("Change a mail rule")
    .body_fields(mail_rules::CHANGES)
    .ok::<mail_rules::MailRuleView>();
    c.delete(
        "/orgs/{org}/products/{product}/mail_rules/{rule}",
        MANAGE,
        mail_rules::delete,
    )
    .summary("Delete a mail rule")
    .no_content();
    c.post(
        "/orgs/{org}/products/{product}/mail_rules/{rule}/test",
        MANAGE,
        mail_rules::test,
    )
    .summary("Send a mail that says it is a test")
    .error(422, "This server sends no mail")
    .created::<mail_rules::MailRuleView>();
}

fn for_audits(c: &mut Contract) {
    c.get("/orgs/{org}/audit_logs", VIEW, audits::of_org)
        .summary("The organization's entries, newest first")
        .query(audits::FILTERS)
        .page::<audits::AuditLog>(25);
    c.get("/orgs/{org}/audit_logs/export", VIEW, audits::export)
        .summary("All of them, oldest first, as CSV or JSON")
        .query(audits::FILTERS)
        .query(&[optional_field(
            "format",
            Words(&["csv", "json"]),
            "`csv` unless given",
        )])
        .media(200, "text/csv", "A line an entry, each value as JSON")
        .also_json("An array of entries");
    c.get(
        "/orgs/{org}/products/{product}/audit_logs",
        VIEW,
        audits::of_product,
    )
    .summary("A product's entries")
    .query(audits::FILTERS)
    .page::<audits::AuditLog>(25);
    c.get(
        "/orgs/{org}/products/{product}/devices/{device}/audit_logs",
        VIEW,
        audits::of_device,
    )
    .summary("What was done to a device, and by it")
    .query(audits::FILTERS)
    .page::<audits::AuditLog>(25);
    c.get(
        "/orgs/{org}/products/{product}/deployments/{name}/audit_logs",
        VIEW,
        audits::of_group,
    )
    .summary("What was done to a deployment group, and by it")
    .query(audits::FILTERS)
    .page::<audits::AuditLog>(25);
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
    let held = RequestSlot::default();
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
    let mut answer = crate::api::http::answer::json_answer(status, &body);
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
