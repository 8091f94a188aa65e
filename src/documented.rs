//! Settings that carry their own documentation.
//!
//! Owns one macro: a settings struct declared inside `documented!` keeps its doc comments at run time, so the
//! complete config file is written from the same lines that rustdoc shows, and cannot say something else. A doc
//! line that starts with `Example:` gives the value shown for a key that has no default.

/// The fields of a settings struct with their doc comments, in order of declaration.
pub trait Documented {
    /// Field name, and the lines of its doc comment.
    const FIELDS: &'static [(&'static str, &'static [&'static str])];
}

/// Declares a settings struct as it stands and implements [`Documented`] for it. Doc comments come first, other
/// attributes of a field after them.
#[macro_export]
macro_rules! documented {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                $(#[serde($($serde:tt)*)])?
                $field_vis:vis $field:ident: $type:ty
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $(
                $(#[doc = $doc])*
                $(#[serde($($serde)*)])?
                $field_vis $field: $type
            ),*
        }

        impl $crate::documented::Documented for $name {
            const FIELDS: &'static [(&'static str, &'static [&'static str])] =
                &[$((stringify!($field), &[$($doc),*])),*];
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    documented! {
        /// A thing.
        #[derive(Debug, serde::Deserialize)]
        struct Thing {
            /// How many.
            /// Example: `3`
            #[serde(default)]
            count: u8,
            /// What it is called.
            name: String,
        }
    }

    #[test]
    fn doc_comments_are_there_at_run_time() {
        assert_eq!(
            Thing::FIELDS,
            [("count", &[" How many.", " Example: `3`"][..]), ("name", &[" What it is called."][..])]
        );
        let thing: Thing = serde_json::from_str(r#"{"name": "x"}"#).unwrap();
        assert_eq!((thing.count, thing.name.as_str()), (0, "x"));
    }
}
