# What people and CI call.

# Everything that must hold on main.
ci:
    .ci/run

# The tests.
test:
    cargo test

# The golden files, written anew.
golden:
    UPDATE_GOLDEN=1 cargo test --test it the_help_is_what_is_documented

# The measurements of the README.
bench:
    cargo build --release
    cargo bench --bench vcdiff
    cargo bench --bench fleet

# Every page of the console in light, dark, wide and on a phone, into src/console/web/screenshots, to be looked at.
screenshots:
    cargo build
    cd src/console/web && npm run screenshots
