//! Hotlists of any length, entry by entry.
//!
//! Owns what an entry says and how it is written as CSV and JSON lines. Guarantees that entry `n` depends on the
//! seed, the profile and `n` only. A few entries are written as real lists write them: with separators, in lower
//! case, with a zero for every letter O.

use std::borrow::Cow;
use std::io::{self, Write};
use std::ops::Range;

use jiff::{SignedDuration, Timestamp};

use super::plates::{Half, Registration};
use super::profiles::{Category, Profile};
use super::reads::Listed;
use super::rng::Rng;
use super::text::{push, push_csv, push_field, push_name};
use super::vehicles::Vehicle;

/// What list to make.
#[derive(Clone, Debug)]
pub struct HotlistSpec {
    /// Everything follows from it.
    pub seed: u64,
    /// Entries.
    pub count: u64,
    /// Whose list.
    pub profile: Profile,
    /// Share of entries that are not in force for ever: of these most are in force at `now` and end later, some
    /// have ended, some have not begun.
    pub windows: f64,
    /// The instant around which validity and dates of entry lie.
    pub now: Timestamp,
    /// Share of entries that list the very vehicle that this other profile's list has under the same number:
    /// agencies seek the same people.
    pub overlap: Option<(Profile, f64)>,
}

impl Default for HotlistSpec {
    fn default() -> Self {
        Self {
            seed: 1,
            count: 10_000,
            profile: Profile::MIXED,
            windows: 0.3,
            now: super::reads::START,
            overlap: None,
        }
    }
}

/// An entry of a made list.
#[derive(Clone, Debug, PartialEq)]
pub struct SynthEntry {
    /// Number in the list, from 0; the entry's id follows from it.
    pub n: u64,
    /// The vehicle's true plate.
    pub registration: Registration,
    /// The plate as the list writes it; a pattern may know less than the true one.
    pub written: String,
    /// Whether it is written as a wildcard or partial plate.
    pub pattern: bool,
    /// The true vehicle.
    pub vehicle: Vehicle,
    /// Whether the list names the vehicle.
    pub vehicle_listed: bool,
    /// Why it is listed.
    pub category: &'static Category,
    /// Why, in words.
    pub reason: &'static str,
    /// Officer safety; empty for most.
    pub caution: &'static str,
    /// Whose list.
    pub agency: &'static str,
    /// First instant of validity.
    pub valid_from: Option<Timestamp>,
    /// First instant after validity.
    pub valid_until: Option<Timestamp>,
    /// When the agency entered it.
    pub entered_at: Timestamp,
    case: u64,
}

impl HotlistSpec {
    /// The entry with this number.
    #[must_use]
    pub fn entry(&self, n: u64) -> SynthEntry {
        let rng = &mut Rng::new(self.seed, self.profile.stream, n);
        let mut registration = if rng.chance(self.profile.mexican) {
            Registration::draw_mexican(rng, Half::Listed)
        } else {
            Registration::draw(rng, Half::Listed)
        };
        let category = &rng.weighted(self.profile.categories, |c| c.0).1;
        let mut vehicle = Vehicle::draw(rng);
        if let Some(other) = self.same_vehicle(n) {
            (registration, vehicle) = (other.registration, other.vehicle);
        }
        let vehicle_listed = rng.chance(self.profile.vehicles);
        let reason = rng.pick(category.reasons);
        let cautious = rng.chance(CAUTIONED) && !category.cautions.is_empty();
        let caution = if cautious { rng.pick(category.cautions) } else { "" };
        let pattern = rng.chance(self.profile.patterns);
        let plate = registration.plate.as_str();
        let written = if pattern { partial(rng, plate) } else { as_listed(rng, plate) };
        let [valid_from, valid_until] = self.window(rng);
        let entered_at = self.now.saturating_sub_days(1 + rng.below(700));
        SynthEntry {
            n,
            registration,
            written,
            pattern,
            vehicle,
            vehicle_listed,
            category,
            reason,
            caution,
            agency: self.profile.agency,
            valid_from,
            valid_until,
            entered_at,
            case: n + 1_000 * self.profile.stream,
        }
    }

    /// All entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = SynthEntry> {
        (0..self.count).map(|n| self.entry(n))
    }

    /// The vehicles of these entries, to let them pass the cameras: those in force that are no patterns.
    pub fn listed(&self, entries: Range<u64>) -> impl Iterator<Item = Listed> {
        entries.map(|n| self.entry(n)).filter(|entry| !entry.pattern && entry.in_force(self.now)).map(
            |entry| Listed {
                plate: entry.registration.plate,
                jurisdiction: Cow::Borrowed(entry.registration.jurisdiction),
                vehicle: entry.vehicle,
            },
        )
    }

    /// Writes the whole list as CSV with a header.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_csv(&self, out: impl Write) -> io::Result<()> {
        self.write(SynthEntry::CSV_HEADER.as_bytes(), SynthEntry::write_csv, out)
    }

    /// Writes the whole list as JSON lines.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_jsonl(&self, out: impl Write) -> io::Result<()> {
        self.write(b"", SynthEntry::write_json, out)
    }

    fn write(
        &self,
        head: &[u8],
        write_entry: fn(&SynthEntry, &mut Vec<u8>),
        mut out: impl Write,
    ) -> io::Result<()> {
        let mut buffer = head.to_vec();
        for entry in self.entries() {
            write_entry(&entry, &mut buffer);
            buffer.push(b'\n');
            if buffer.len() > WRITE_BYTES {
                out.write_all(&buffer)?;
                buffer.clear();
            }
        }
        out.write_all(&buffer)
    }

    /// The other list's entry for the vehicle of this one, if it is on both.
    fn same_vehicle(&self, n: u64) -> Option<SynthEntry> {
        let (other, share) = self.overlap?;
        let on_both = Rng::new(self.seed, self.profile.stream ^ OVERLAPS, n).chance(share);
        let list = Self { profile: other, overlap: None, ..self.clone() };
        on_both.then(|| list.entry(n))
    }

    fn window(&self, rng: &mut Rng) -> [Option<Timestamp>; 2] {
        let limited = rng.chance(self.windows);
        let (kind, days) = (rng.below(10), 2 + rng.below(360));
        match kind {
            _ if !limited => [None, None],
            0 => [None, Some(self.now.saturating_sub_days(days))],
            1 => [Some(self.now.saturating_add_days(days)), None],
            2..5 => [Some(self.now.saturating_sub_days(days)), Some(self.now.saturating_add_days(days))],
            _ => [None, Some(self.now.saturating_add_days(days))],
        }
    }
}

impl SynthEntry {
    /// The header of [`write_csv`](Self::write_csv), with its line end.
    pub const CSV_HEADER: &'static str = "entry_id,plate,jurisdiction,category,priority,valid_from,valid_until,\
        entered_at,vehicle_make,vehicle_model,vehicle_color,vehicle_type,vehicle_year,agency,case_number,reason,\
        caution\n";

    /// Whether it is in force at an instant.
    #[must_use]
    pub fn in_force(&self, instant: Timestamp) -> bool {
        self.valid_from.is_none_or(|from| from <= instant)
            && self.valid_until.is_none_or(|until| instant < until)
    }

    /// Appends the entry as a CSV row, without a line end.
    pub fn write_csv(&self, out: &mut Vec<u8>) {
        push(out, format_args!("E{:08}", self.n));
        for text in [&self.written, self.registration.jurisdiction, self.category.name] {
            out.push(b',');
            push_csv(out, text);
        }
        push(out, format_args!(",{}", self.category.priority));
        for instant in [self.valid_from, self.valid_until, Some(self.entered_at)] {
            out.push(b',');
            if let Some(instant) = instant {
                push(out, instant);
            }
        }
        let vehicle = if self.vehicle_listed { &self.vehicle } else { &Vehicle::default() };
        for text in [&vehicle.make, &vehicle.model, &vehicle.color, &vehicle.body] {
            out.push(b',');
            push_csv(out, text);
        }
        out.push(b',');
        if vehicle.year > 0 {
            push(out, vehicle.year);
        }
        out.push(b',');
        push_csv(out, self.agency);
        push(out, format_args!(",{}", self.case_number()));
        for text in [self.reason, self.caution] {
            out.push(b',');
            push_csv(out, text);
        }
    }

    /// Appends the entry as a JSON object, without a line end.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        push_name(out, "entry_id");
        push(out, format_args!("\"E{:08}\"", self.n));
        push_field(out, "plate", &self.written);
        push_field(out, "jurisdiction", self.registration.jurisdiction);
        push_field(out, "category", self.category.name);
        push_name(out, "priority");
        push(out, self.category.priority);
        let instants = [
            ("valid_from", self.valid_from),
            ("valid_until", self.valid_until),
            ("entered_at", Some(self.entered_at)),
        ];
        for (name, instant) in instants {
            if let Some(instant) = instant {
                push_name(out, name);
                push(out, format_args!("\"{instant}\""));
            }
        }
        if self.vehicle_listed {
            push_field(out, "vehicle_make", &self.vehicle.make);
            push_field(out, "vehicle_model", &self.vehicle.model);
            push_field(out, "vehicle_color", &self.vehicle.color);
            push_field(out, "vehicle_type", &self.vehicle.body);
            push_name(out, "vehicle_year");
            push(out, format_args!("\"{}\"", self.vehicle.year));
        }
        push_field(out, "agency", self.agency);
        push_name(out, "case_number");
        push(out, format_args!("\"{}\"", self.case_number()));
        push_field(out, "reason", self.reason);
        push_field(out, "caution", self.caution);
        out.push(b'}');
    }

    /// The agency's case number.
    #[must_use]
    pub fn case_number(&self) -> String {
        format!("{:02}-{:06}", 24 + self.n % 3, self.case.wrapping_mul(7_919) % 1_000_000)
    }
}

/// Keeps the draw for an overlap apart from the entry's own.
const OVERLAPS: u64 = 0x100;
/// Share of entries with a caution, where the category knows any.
const CAUTIONED: f64 = 0.25;
/// Share of whole plates that are written unlike the plate itself.
const WRITTEN_ODDLY: f64 = 0.04;
/// Bytes collected before they are written.
const WRITE_BYTES: usize = 1 << 16;

/// A whole plate as some list writes it.
fn as_listed(rng: &mut Rng, plate: &str) -> String {
    let (oddly, how) = (rng.chance(WRITTEN_ODDLY), rng.below(3));
    match how {
        _ if !oddly => plate.to_owned(),
        0 => format!("{}-{}", &plate[..3], &plate[3..]),
        1 => plate.to_lowercase(),
        _ => plate.replace('O', "0"),
    }
}

/// What a witness remembers of a plate: all but one or two characters, or its beginning.
fn partial(rng: &mut Rng, plate: &str) -> String {
    let (how, at, other) = (rng.below(3), rng.below(plate.len()), rng.below(plate.len()));
    if how == 0 {
        return format!("{}*", &plate[..4]);
    }
    let unknown = |n| n == at || (how == 1 && n == other);
    plate.char_indices().map(|(n, symbol)| if unknown(n) { '?' } else { symbol }).collect()
}

/// Whole days away from an instant, within the calendar.
trait Days {
    fn saturating_add_days(self, days: usize) -> Timestamp;
    fn saturating_sub_days(self, days: usize) -> Timestamp;
}

impl Days for Timestamp {
    fn saturating_add_days(self, days: usize) -> Timestamp {
        self.saturating_add(self::days(days)).unwrap_or(Self::MAX)
    }

    fn saturating_sub_days(self, days: usize) -> Timestamp {
        self.saturating_sub(self::days(days)).unwrap_or(Self::MIN)
    }
}

fn days(days: usize) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::try_from(days).unwrap_or_default())
}
