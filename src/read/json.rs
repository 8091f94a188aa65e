//! Forgiving JSON fields: what a value is decides, never an error of the parser.
//!
//! Owns [`Lenient`], the one visitor through which every field of a head is taken. It refuses nothing: a value of
//! an unexpected type is skipped and reported as [`Field::Wrong`], so that only broken syntax ends a parse. No
//! recursion: values that nobody asked for are skipped by the parser's own loop, however deep they nest.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What was found under a key.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Field<T> {
    /// The key is not there.
    #[default]
    Absent,
    /// The key is there with a null.
    Null,
    /// A value of a type that the field does not have.
    Wrong,
    /// The value.
    Is(T),
}

impl<T> Field<T> {
    /// The value, if it is one.
    pub(super) fn ok(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Null | Self::Wrong => None,
        }
    }
}

/// Takes the types it knows and leaves the rest to the defaults, which skip the value.
pub(super) trait Lenient<'de>: Sized {
    /// What the field gives.
    type Value;

    /// A value of another type.
    fn wrong(self) -> Self::Value;

    /// A null.
    fn null(self) -> Self::Value {
        self.wrong()
    }

    /// A string, unescaped.
    fn text(self, _: &str) -> Self::Value {
        self.wrong()
    }

    /// A number.
    fn number(self, _: f64) -> Self::Value {
        self.wrong()
    }

    /// An array, which must be read to its end.
    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.wrong())
    }

    /// An object, which must be read to its end.
    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(self.wrong())
    }
}

/// Makes a [`Lenient`] a seed of serde's.
pub(super) struct Take<L>(pub(super) L);

impl<'de, L: Lenient<'de>> DeserializeSeed<'de> for Take<L> {
    type Value = L::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<L::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, L: Lenient<'de>> Visitor<'de> for Take<L> {
    type Value = L::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<L::Value, E> {
        Ok(self.0.null())
    }

    fn visit_bool<E>(self, _: bool) -> Result<L::Value, E> {
        Ok(self.0.wrong())
    }

    #[expect(clippy::cast_precision_loss, reason = "no field needs more than 53 bits")]
    fn visit_i64<E>(self, number: i64) -> Result<L::Value, E> {
        Ok(self.0.number(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "no field needs more than 53 bits")]
    fn visit_u64<E>(self, number: u64) -> Result<L::Value, E> {
        Ok(self.0.number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<L::Value, E> {
        Ok(self.0.number(number))
    }

    #[inline]
    fn visit_str<E>(self, text: &str) -> Result<L::Value, E> {
        Ok(self.0.text(text))
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<L::Value, A::Error> {
        self.0.list(list)
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<L::Value, A::Error> {
        self.0.object(object)
    }
}

/// A string, changed by a function while it is borrowed; a null is [`Field::Null`].
pub(super) struct Text<F>(pub(super) F);

impl<T, F: FnOnce(&str) -> T> Lenient<'_> for Text<F> {
    type Value = Field<T>;

    fn wrong(self) -> Field<T> {
        Field::Wrong
    }

    fn null(self) -> Field<T> {
        Field::Null
    }

    #[inline]
    fn text(self, text: &str) -> Field<T> {
        Field::Is((self.0)(text))
    }
}

/// A number; a null is [`Field::Null`].
pub(super) struct Number;

impl Lenient<'_> for Number {
    type Value = Field<f64>;

    fn wrong(self) -> Field<f64> {
        Field::Wrong
    }

    fn null(self) -> Field<f64> {
        Field::Null
    }

    #[inline]
    fn number(self, number: f64) -> Field<f64> {
        Field::Is(number)
    }
}

/// A value to skip that is known to nest: the parser's own skipping allocates from the second level on, and
/// `OpenALPR` nests that deep in every event, so the first level is walked here.
pub(super) struct Nested;

impl Lenient<'_> for Nested {
    type Value = ();

    fn wrong(self) {}
}

/// As [`Nested`], for one level more.
pub(super) struct NestedTwice;

impl<'de> Lenient<'de> for NestedTwice {
    type Value = ();

    fn wrong(self) {}

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        while object.next_key::<IgnoredAny>()?.is_some() {
            object.next_value_seed(Take(Nested))?;
        }
        Ok(())
    }
}

/// A key of an object, as the member of an enum.
pub(super) struct Key<F>(pub(super) F);

impl<'de, K, F: FnOnce(&[u8]) -> K> DeserializeSeed<'de> for Key<F> {
    type Value = K;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<K, D::Error> {
        from.deserialize_str(self)
    }
}

impl<K, F: FnOnce(&[u8]) -> K> Visitor<'_> for Key<F> {
    type Value = K;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    #[inline]
    fn visit_str<E>(self, key: &str) -> Result<K, E> {
        Ok((self.0)(key.as_bytes()))
    }
}
