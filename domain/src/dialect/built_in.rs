//! The dialects that come with Nexus: a product's for each file of the folder `dialects`, and the platform's own.

use super::{Dialect, Dialects};

/// The name of the dialect of management credentials, which every process serves.
pub const MANAGEMENT: &str = "management";

const PLATFORM: (&str, &str) = ("management.toml", include_str!("../../dialects/management.toml"));
const PRODUCTS: [(&str, &str); 5] = [
    ("dialects/nexus.toml", include_str!("../../../dialects/nexus.toml")),
    ("dialects/nexuscommerce.toml", include_str!("../../../dialects/nexuscommerce.toml")),
    ("dialects/nexusgpt.toml", include_str!("../../../dialects/nexusgpt.toml")),
    ("dialects/nexpay.toml", include_str!("../../../dialects/nexpay.toml")),
    ("dialects/nexuscore.toml", include_str!("../../../dialects/nexuscore.toml")),
];

/// The dialects that are served where no others are named, the platform's own among them.
#[must_use]
#[expect(clippy::expect_used, reason = "the files are part of the program, and a test loads them")]
pub fn built_in() -> Dialects {
    let products = PRODUCTS.into_iter().map(parse);
    Dialects::new(products.chain([management()])).expect("the built-in dialects go together")
}

/// The platform's own dialect, which goes with those of any product.
#[must_use]
pub fn management() -> Dialect {
    parse(PLATFORM)
}

#[expect(clippy::expect_used, reason = "the files are part of the program, and a test loads them")]
fn parse((file, text): (&str, &str)) -> Dialect {
    Dialect::parse(file, text).expect("a built-in dialect is one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_dialects_load() {
        let dialects = built_in();
        let names: Vec<_> = dialects.iter().map(|dialect| dialect.name.as_str()).collect();
        assert_eq!(names, [MANAGEMENT, "nexpay", "nexus", "nexuscommerce", "nexuscore", "nexusgpt"]);
    }
}
