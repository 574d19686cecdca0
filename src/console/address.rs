//! The addresses of the console: which are a page, and where those of NervesHub's console went.

/// The first parts of addresses that the console reads itself.
const PAGES: [&str; 6] = ["", "o", "login", "account", "forgotten", "register"];

/// Whether the console has pages under this path.
pub(super) fn is_page(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next();
    first.is_some_and(|word| PAGES.contains(&word))
}

/// Where a link into NervesHub's console leads here. Links in chats and tickets outlive a move.
pub(super) fn moved(path: &str) -> Option<String> {
    let mut parts = path.strip_prefix("/org/")?.trim_end_matches('/').split('/');
    let org = parts.next().filter(|p| !p.is_empty())?;
    let Some(product) = parts.next() else {
        return Some(format!("/o/{org}"));
    };
    if matches!(product, "settings" | "new") {
        return Some(format!("/o/{org}/settings"));
    }
    let product = format!("/o/{org}/p/{product}");
    let page = match parts.next() {
        None | Some("dashboard") => return Some(format!("{product}/overview")),
        Some("devices") => "devices",
        Some("deployment_groups" | "deployments") => "groups",
        Some("firmware") => "firmware",
        Some("archives") => "archives",
        Some("scripts") => "scripts",
        Some("settings") => "settings",
        Some(_) => return Some(format!("{product}/overview")),
    };
    Some(match parts.next() {
        Some(name) => format!("{product}/{page}/{name}"),
        None => format!("{product}/{page}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_told_from_files_and_from_what_is_nothing() {
        for page in [
            "/",
            "/o/acme",
            "/o/acme/p/thermostat/devices",
            "/login",
            "/account/security",
        ] {
            assert!(is_page(page), "{page}");
        }
        for other in [
            "/assets/main.js",
            "/org",
            "/loginx",
            "/.env",
            "/wp-login.php",
            "//evil.example",
        ] {
            assert!(!is_page(other), "{other}");
        }
    }

    #[test]
    fn links_of_the_original_lead_to_the_same_thing() {
        let cases = [
            ("/org/acme", "/o/acme"),
            ("/org/acme/thermostat", "/o/acme/p/thermostat/overview"),
            (
                "/org/acme/thermostat/devices/sn-1",
                "/o/acme/p/thermostat/devices/sn-1",
            ),
            (
                "/org/acme/thermostat/deployment_groups/eu%20prod",
                "/o/acme/p/thermostat/groups/eu%20prod",
            ),
            (
                "/org/acme/thermostat/anything",
                "/o/acme/p/thermostat/overview",
            ),
            ("/org/acme/settings/keys", "/o/acme/settings"),
        ];
        for (old, new) in cases {
            assert_eq!(moved(old).as_deref(), Some(new));
        }
        assert_eq!(moved("/o/acme"), None);
        assert_eq!(moved("/org/"), None);
    }
}
