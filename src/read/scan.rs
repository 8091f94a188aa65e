//! One pass over a JSON text, forwards only.
//!
//! Owns [`Scan`]: a cursor that steps over values, checks every byte of their syntax and hands out the few texts
//! and numbers that are asked for as they lie in the payload. It accepts exactly what `serde_json` accepts (a
//! property test holds it to that), except that it refuses nesting deeper than [`MAX_DEPTH`] everywhere. It never
//! recurses and allocates nothing, except to make room for the first texts with escapes.
//!
//! Why not `serde_json` itself, which reads everything behind the head (see [`detail`](super::detail())): decoding
//! is the dominant cost of a read that misses. Over 4,096 different reads a `serde_json` visitor that borrows took
//! 402 ns for a read of 264 bytes and 653 ns for one with three candidates, where a full parse took 556 and 844.
//! This takes 223 and 391, a fifth less since keys are guessed (`habits`). What that hangs on: everything that a head
//! touches is inlined, so that the position stays in a register (365 ns without), and nothing is cut out as text that
//! nobody reads. Sixteen bytes of a string at a time, by SSE2, instead of eight were 2 to 4 % quicker, and are not worth
//! their `unsafe`.

/// Levels of nesting; `serde_json` has the same limit where it builds values.
pub(super) const MAX_DEPTH: u32 = 127;

/// Why a scan ended early. Where is told by the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The byte at the cursor cannot stand there.
    Syntax,
    /// More than [`MAX_DEPTH`] levels.
    TooDeep,
}

/// A cursor in a JSON text.
#[derive(Clone, Debug)]
pub(super) struct Scan<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

/// A key as it lies in the payload, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key<'a> {
    // Bytes, because cutting a text costs a check at both ends, and no key is worth that.
    raw: &'a [u8],
    escaped: bool,
}

/// A string as it lies in the payload, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quoted<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// A cursor that refuses nesting deeper than `levels`, [`MAX_DEPTH`] at most.
    pub(super) fn shallow(text: &'a str, levels: u32) -> Self {
        Self { depth: MAX_DEPTH.saturating_sub(levels), ..Self::new(text) }
    }

    /// The byte from 0 at which the scan stands.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The first byte of the next value, or whatever stands in its place; 0 at the end of the text.
    #[inline(always)]
    pub(super) fn peek(&mut self) -> u8 {
        self.blank();
        self.byte()
    }

    /// Enters an array or object that ends in `close`; whether it has a member, else it is left again.
    #[inline(always)]
    pub(super) fn open(&mut self, close: u8) -> Result<bool, Stop> {
        if self.depth >= MAX_DEPTH {
            return Err(Stop::TooDeep);
        }
        self.at += 1;
        if self.peek() == close {
            self.at += 1;
            return Ok(false);
        }
        self.depth += 1;
        Ok(true)
    }

    /// After a member: whether there is another, else the array or object is left.
    #[inline(always)]
    pub(super) fn more(&mut self, close: u8) -> Result<bool, Stop> {
        let byte = self.peek();
        if byte != b',' && byte != close {
            return Err(Stop::Syntax);
        }
        self.at += 1;
        self.depth -= u32::from(byte == close);
        Ok(byte == b',')
    }

    /// The key of a member, and its colon.
    #[inline(always)]
    pub(super) fn key(&mut self) -> Result<Key<'a>, Stop> {
        let (start, escaped) = self.string()?;
        let raw = &self.text.as_bytes()[start..self.at - 1];
        self.expect(b':')?;
        Ok(Key { raw, escaped })
    }

    /// Steps over so many of the next sixteen bytes if those whose bits are set are these, first byte lowest.
    #[inline(always)]
    pub(super) fn starts_with(&mut self, bytes: u128, bits: u128, length: usize) -> bool {
        let next = self.text.as_bytes().get(self.at..).and_then(<[u8]>::first_chunk);
        let starts = next.is_some_and(|next| u128::from_le_bytes(*next) & bits == bytes);
        if starts {
            self.at += length;
        }
        starts
    }

    /// A string.
    #[inline(always)]
    pub(super) fn quoted(&mut self) -> Result<Quoted<'a>, Stop> {
        let (start, escaped) = self.string()?;
        Ok(Quoted { raw: &self.text[start..self.at - 1], escaped })
    }

    /// Steps over a string; where its text begins, and whether that has escapes.
    #[inline(always)]
    fn string(&mut self) -> Result<(usize, bool), Stop> {
        self.expect(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain(&self.text.as_bytes()[self.at..]);
            match self.byte() {
                b'"' => {
                    self.at += 1;
                    return Ok((start, escaped));
                }
                b'\\' => {
                    self.at += 1;
                    self.escape()?;
                    escaped = true;
                }
                _ => return Err(Stop::Syntax),
            }
        }
    }

    /// A number, as text.
    #[inline(always)]
    pub(super) fn number(&mut self) -> Result<&'a str, Stop> {
        self.blank();
        let start = self.at;
        self.numeral()?;
        Ok(&self.text[start..self.at])
    }

    #[inline(always)]
    fn numeral(&mut self) -> Result<(), Stop> {
        self.at += usize::from(self.byte() == b'-');
        if self.byte() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), b'e' | b'E') {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), b'+' | b'-'));
            self.digits()?;
        }
        Ok(())
    }

    /// Steps over a value of any kind.
    #[inline(always)]
    pub(super) fn skip(&mut self) -> Result<(), Stop> {
        match self.peek() {
            b'{' | b'[' => self.nested(),
            first => self.scalar(first),
        }
    }

    /// Steps over a value of any kind and gives it as text.
    pub(super) fn value(&mut self) -> Result<&'a str, Stop> {
        self.blank();
        let start = self.at;
        self.skip()?;
        Ok(&self.text[start..self.at])
    }

    /// The end of the text: nothing but blanks may follow.
    pub(super) fn end(&mut self) -> Result<(), Stop> {
        self.blank();
        if self.at == self.text.len() { Ok(()) } else { Err(Stop::Syntax) }
    }

    #[inline(always)]
    fn scalar(&mut self, first: u8) -> Result<(), Stop> {
        match first {
            b'"' => self.string().map(|_| ()),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.numeral(),
        }
    }

    /// Steps over an array or object by keeping its kind for each level, in the bits of one number.
    fn nested(&mut self) -> Result<(), Stop> {
        let outside = self.depth;
        let mut objects: u128 = 0;
        loop {
            let first = self.peek();
            let inside = match first {
                b'{' | b'[' => {
                    objects = objects << 1 | u128::from(first == b'{');
                    let inside = self.open(first + 2)?;
                    if inside && first == b'{' {
                        self.key()?;
                    }
                    if !inside {
                        objects >>= 1;
                    }
                    inside
                }
                _ => {
                    self.scalar(first)?;
                    false
                }
            };
            if !inside && !self.leave(outside, &mut objects)? {
                return Ok(());
            }
        }
    }

    /// After a value in [`nested`](Self::nested): leaves what ends here; whether another value follows.
    #[inline(always)]
    fn leave(&mut self, outside: u32, objects: &mut u128) -> Result<bool, Stop> {
        while self.depth > outside {
            let object = *objects & 1 == 1;
            if self.more(if object { b'}' } else { b']' })? {
                if object {
                    self.key()?;
                }
                return Ok(true);
            }
            *objects >>= 1;
        }
        Ok(false)
    }

    #[inline(always)]
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn blank(&mut self) {
        while matches!(self.byte(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8) -> Result<(), Stop> {
        if self.peek() == byte {
            self.at += 1;
            Ok(())
        } else {
            Err(Stop::Syntax)
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Stop> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else {
            Err(Stop::Syntax)
        }
    }

    #[inline(always)]
    fn digits(&mut self) -> Result<(), Stop> {
        let start = self.at;
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Stop::Syntax) }
    }

    #[cold]
    fn escape(&mut self) -> Result<(), Stop> {
        match self.byte() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => {
                for _ in 0..4 {
                    self.at += 1;
                    if !self.byte().is_ascii_hexdigit() {
                        return Err(Stop::Syntax);
                    }
                }
                self.at += 1;
            }
            _ => return Err(Stop::Syntax),
        }
        Ok(())
    }
}

/// How many bytes can stand in a string as they are, up to a quote, a backslash or a control character.
///
/// Eight at a time.
#[inline(always)]
fn plain(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(block) = bytes[at..].first_chunk::<8>() {
        let found = special(u64::from_le_bytes(*block));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | ..0x20);
    at + bytes[at..].iter().position(ends).unwrap_or(bytes.len() - at)
}

/// A word whose lowest set bit is the top bit of the first special byte; bits above it mean nothing.
#[inline(always)]
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xFF;
    let below = |word: u64, least: u64| word.wrapping_sub(ONES * least) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | equal(b'"') | equal(b'\\')) & (ONES << 7)
}

impl<'a> Key<'a> {
    /// The name; one with an escape that is no character is given as it is written. Only a name with escapes uses
    /// the scratch.
    #[inline(always)]
    pub(super) fn name<'s>(self, scratch: &'s mut String) -> &'s [u8]
    where
        'a: 's,
    {
        if self.escaped { self.unescaped(scratch) } else { self.raw }
    }

    /// The key, unless it has escapes.
    pub(super) fn plain(self) -> Option<&'a [u8]> {
        (!self.escaped).then_some(self.raw)
    }

    #[cold]
    fn unescaped<'s>(self, scratch: &'s mut String) -> &'s [u8]
    where
        'a: 's,
    {
        let text = std::str::from_utf8(self.raw).ok();
        text.and_then(|raw| Quoted { raw, escaped: true }.unescaped(scratch)).map_or(self.raw, str::as_bytes)
    }
}

impl<'a> Quoted<'a> {
    /// The text; `None` if it has an escape that is no character. Only a text with escapes uses the scratch.
    #[inline(always)]
    pub(super) fn text<'s>(self, scratch: &'s mut String) -> Option<&'s str>
    where
        'a: 's,
    {
        if self.escaped { self.unescaped(scratch) } else { Some(self.raw) }
    }

    #[cold]
    fn unescaped(self, scratch: &mut String) -> Option<&str> {
        scratch.clear();
        let mut rest = self.raw;
        while let Some(at) = rest.find('\\') {
            scratch.push_str(&rest[..at]);
            let (character, after) = character(&rest[at + 1..])?;
            scratch.push(character);
            rest = after;
        }
        scratch.push_str(rest);
        Some(scratch)
    }
}

/// The character that an escape stands for, from behind its backslash, and what follows it.
fn character(escape: &str) -> Option<(char, &str)> {
    let (kind, rest) = escape.split_at_checked(1)?;
    let character = match kind {
        "b" => '\u{8}',
        "f" => '\u{c}',
        "n" => '\n',
        "r" => '\r',
        "t" => '\t',
        "u" => return code_point(rest),
        itself => itself.chars().next()?,
    };
    Some((character, rest))
}

/// The character of four hex digits, or of a surrogate pair.
fn code_point(digits: &str) -> Option<(char, &str)> {
    let unit = |text: &str| u16::from_str_radix(text.get(..4)?, 16).ok();
    let (first, rest) = (unit(digits)?, &digits[4..]);
    match char::from_u32(u32::from(first)) {
        Some(character) => Some((character, rest)),
        None => {
            let rest = rest.strip_prefix("\\u")?;
            let pair = char::decode_utf16([first, unit(rest)?]).next()?.ok()?;
            Some((pair, &rest[4..]))
        }
    }
}

#[cfg(test)]
mod tests;
