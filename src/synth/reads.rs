//! Traffic under the cameras, read by read.
//!
//! Owns which vehicle passes which camera when, what is read of it, and the payloads in every input format.
//! Guarantees that read `n` depends on the spec, the wanted vehicles and `n` only, and that a share of
//! `hit_rate` of the vehicles, misread or not, are wanted ones.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};

use super::corridor::{Camera, Corridor};
use super::misread::{Observation, Reader};
use super::plates::{Half, Registration, any_jurisdiction};
use super::rng::Rng;
use super::text::{push, push_field, push_json, push_name};
use super::vehicles::Vehicle;
use crate::plate::Plate;

/// What traffic to make.
#[derive(Clone, Debug)]
pub struct TrafficSpec {
    /// Everything follows from it.
    pub seed: u64,
    /// Share of passing vehicles that are wanted.
    pub hit_rate: f64,
    /// Share of wanted vehicles seen as another one than is listed: a stolen plate on another car.
    pub conflicts: f64,
    /// Share of reads that are one more frame of a vehicle read shortly before.
    pub frames: f64,
    /// Other vehicles of the region.
    pub fleet: usize,
    /// How well cameras read.
    pub reader: Reader,
    /// When read 0 is captured.
    pub start: Timestamp,
    /// Time between reads.
    pub interval: SignedDuration,
    /// What the canonical payload carries.
    pub fields: Fields,
}

/// What the canonical payload carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fields {
    /// What most cameras send: some 260 bytes without candidates.
    #[default]
    Usual,
    /// Every field of the format.
    All,
}

/// How a payload is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// The canonical JSON object.
    #[default]
    Canonical,
    /// The same with a field `truth{plate, listed}` that says what the vehicle really is: for scoring.
    Labeled,
    /// An OpenALPR `alpr_results` event of one plate.
    Openalpr,
    /// An OpenALPR `alpr_group`.
    OpenalprGroup,
}

/// When made traffic begins, unless told otherwise.
pub(super) const START: Timestamp = Timestamp::constant(1_793_620_800, 0);

impl Default for TrafficSpec {
    /// Ten minutes of 2,000 reads/s have about two million vehicles' worth of plates.
    fn default() -> Self {
        Self {
            seed: 1,
            hit_rate: 0.0,
            conflicts: 0.03,
            frames: 0.05,
            fleet: 2_000_000,
            reader: Reader::default(),
            start: START,
            interval: SignedDuration::from_micros(500),
            fields: Fields::Usual,
        }
    }
}

/// A wanted vehicle.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Its plate.
    pub plate: Plate,
    /// ISO 3166-2; empty if not known.
    pub jurisdiction: Cow<'static, str>,
    /// The vehicle that is wanted.
    pub vehicle: Vehicle,
}

/// The traffic of a corridor.
#[derive(Clone, Debug)]
pub struct Traffic {
    spec: TrafficSpec,
    corridor: Corridor,
    wanted: Vec<Listed>,
}

/// One read, and the truth behind it.
#[derive(Clone, Debug)]
pub struct SynthRead<'a> {
    /// Number of the read; its id follows from it.
    pub n: u64,
    /// What was read of the plate.
    pub seen: Observation,
    /// The jurisdiction as read; empty if not.
    pub jurisdiction: Cow<'a, str>,
    /// Confidence in the jurisdiction, 0-1.
    pub jurisdiction_confidence: f64,
    /// Where.
    pub camera: &'a Camera,
    /// When; to be overwritten where reads are made live.
    pub captured_at: Timestamp,
    /// The vehicle as seen.
    pub vehicle: Vehicle,
    /// The true plate.
    pub truth: Plate,
    /// The wanted vehicle it is, by index.
    pub wanted: Option<usize>,
    /// What the payload carries.
    pub fields: Fields,
    seed: u64,
}

impl Traffic {
    /// Traffic with these vehicles wanted; without any there are no hits.
    #[must_use]
    pub fn new(spec: TrafficSpec, wanted: Vec<Listed>) -> Self {
        Self { spec, corridor: Corridor::new(), wanted }
    }

    /// The read with this number.
    #[must_use]
    pub fn read(&self, n: u64) -> SynthRead<'_> {
        let rng = &mut Rng::new(self.spec.seed, READS, n);
        let subject = self.subject(rng, n);
        let seen = self.spec.reader.observe(rng, subject.plate);
        let other_vehicle = subject.wanted.is_some() && rng.chance(self.spec.conflicts);
        let vehicle = if other_vehicle { Vehicle::draw(rng) } else { subject.vehicle }.seen(rng);
        let jurisdiction = match rng.below(100) {
            0..8 => Cow::Borrowed(""),
            8..11 => Cow::Borrowed(any_jurisdiction(rng)),
            _ => subject.jurisdiction,
        };
        SynthRead {
            n,
            seen,
            jurisdiction,
            jurisdiction_confidence: 0.98 - 0.4 * rng.unit() * rng.unit(),
            camera: subject.camera,
            captured_at: self.captured_at(n),
            vehicle,
            truth: subject.plate,
            wanted: subject.wanted,
            fields: self.spec.fields,
            seed: self.spec.seed,
        }
    }

    /// The vehicles that are wanted.
    #[must_use]
    pub fn wanted(&self) -> &[Listed] {
        &self.wanted
    }

    fn captured_at(&self, n: u64) -> Timestamp {
        let micros = self.spec.interval.as_micros().saturating_mul(i128::from(n));
        let offset = SignedDuration::from_micros(i64::try_from(micros).unwrap_or(i64::MAX));
        self.spec.start.saturating_add(offset).unwrap_or(Timestamp::MAX)
    }

    /// Who passes where: somebody new, or the vehicle of a read a moment ago.
    fn subject(&self, rng: &mut Rng, n: u64) -> Subject<'_> {
        let another_frame = rng.chance(self.spec.frames);
        let seconds_ago = 0.15 + 0.85 * rng.unit();
        let reads_ago = self.reads_within(seconds_ago).max(1);
        if another_frame && reads_ago <= n { self.passer(n - reads_ago) } else { self.passer(n) }
    }

    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
    fn reads_within(&self, seconds: f64) -> u64 {
        (seconds / self.spec.interval.as_secs_f64().max(1e-9)) as u64
    }

    fn passer(&self, n: u64) -> Subject<'_> {
        let rng = &mut Rng::new(self.spec.seed, PASSES, n);
        let camera = self.corridor.draw(rng);
        let is_wanted = rng.chance(self.spec.hit_rate) && !self.wanted.is_empty();
        if is_wanted {
            let index = rng.below(self.wanted.len());
            let Listed { plate, jurisdiction, vehicle } = &self.wanted[index];
            let (jurisdiction, vehicle) = (Cow::Borrowed(&**jurisdiction), vehicle.clone());
            return Subject { plate: *plate, jurisdiction, vehicle, camera, wanted: Some(index) };
        }
        let owner = &mut Rng::new(self.spec.seed, FLEET, rng.below(self.spec.fleet.max(1)) as u64);
        let Registration { plate, jurisdiction } = Registration::draw(owner, Half::Unlisted);
        let jurisdiction = Cow::Borrowed(jurisdiction);
        Subject { plate, jurisdiction, vehicle: Vehicle::draw(owner), camera, wanted: None }
    }
}

/// Who passes where.
struct Subject<'a> {
    plate: Plate,
    jurisdiction: Cow<'a, str>,
    vehicle: Vehicle,
    camera: &'a Camera,
    wanted: Option<usize>,
}

const READS: u64 = 1;
const PASSES: u64 = 2;
const FLEET: u64 = 3;

impl SynthRead<'_> {
    /// Appends the read as one payload, without a line end.
    pub fn write(&self, layout: Layout, out: &mut Vec<u8>) {
        match layout {
            Layout::Canonical => self.write_object(out, false),
            Layout::Labeled => self.write_object(out, true),
            Layout::Openalpr => self.write_openalpr(out),
            Layout::OpenalprGroup => self.write_openalpr_group(out),
        }
    }

    fn write_object(&self, out: &mut Vec<u8>, with_truth: bool) {
        out.push(b'{');
        push_name(out, "read_id");
        self.push_id(out);
        push_name(out, "plate");
        match self.seen.plate {
            Some(plate) => push_json(out, plate.as_str()),
            None => out.extend_from_slice(b"null"),
        }
        if self.seen.plate.is_some() {
            push(out, format_args!(",\"confidence\":{:.3}", self.seen.confidence));
        }
        if !self.seen.candidates.is_empty() {
            push_name(out, "candidates");
            self.push_candidates(out, 1.0, "");
        }
        push_field(out, "jurisdiction", &self.jurisdiction);
        if self.fields == Fields::All && !self.jurisdiction.is_empty() {
            push(out, format_args!(",\"jurisdiction_confidence\":{:.2}", self.jurisdiction_confidence));
        }
        push_field(out, "camera_id", &self.camera.id);
        push_field(out, "site_id", self.camera.site_id);
        push(out, format_args!(",\"captured_at\":\"{:.3}\"", self.captured_at));
        if self.fields == Fields::All {
            push(
                out,
                format_args!(",\"location\":{{\"lat\":{},\"lon\":{}}}", self.camera.lat, self.camera.lon),
            );
        }
        push_field(out, "direction", self.camera.direction);
        push(out, format_args!(",\"lane\":\"{}\"", self.camera.lane));
        self.push_vehicle(out);
        if self.fields == Fields::All {
            push(
                out,
                format_args!(",\"image_url\":\"https://images.example/{}/{}.jpg\"", self.camera.id, self.n),
            );
        }
        if with_truth {
            let listed = self.wanted.is_some();
            push(
                out,
                format_args!(",\"truth\":{{\"plate\":\"{}\",\"listed\":{listed}}}", self.truth.as_str()),
            );
        }
        out.push(b'}');
    }

    fn write_openalpr(&self, out: &mut Vec<u8>) {
        push(out, "{\"version\":2,\"data_type\":\"alpr_results\"");
        push(out, format_args!(",\"epoch_time\":{}", self.captured_at.as_millisecond()));
        push(out, ",\"img_width\":1920,\"img_height\":1080,\"processing_time_ms\":41.5,\"results\":[");
        if let Some(plate) = self.seen.plate {
            let percent = 100.0 * self.seen.confidence;
            push(out, format_args!("{{\"plate\":\"{}\",\"confidence\":{percent:.4}", plate.as_str()));
            push(out, ",\"matches_template\":0,\"plate_index\":0");
            let region = self.jurisdiction.to_lowercase();
            let region_percent = 100.0 * self.jurisdiction_confidence;
            push(out, format_args!(",\"region\":\"{region}\",\"region_confidence\":{region_percent:.0}"));
            push(
                out,
                ",\"processing_time_ms\":9.25,\"requested_topn\":10,\"coordinates\":[{\"x\":936,\"y\":354},",
            );
            push(out, "{\"x\":1031,\"y\":358},{\"x\":1027,\"y\":420},{\"x\":932,\"y\":416}],\"candidates\":");
            self.push_candidates(out, 100.0, ",\"matches_template\":0");
            out.push(b'}');
        }
        out.extend_from_slice(b"]}");
    }

    fn write_openalpr_group(&self, out: &mut Vec<u8>) {
        let epoch = self.captured_at.as_millisecond();
        push(out, "{\"data_type\":\"alpr_group\",\"version\":2");
        push(out, format_args!(",\"epoch_start\":{},\"epoch_end\":{epoch}", epoch - 800));
        push(out, ",\"agent_uid\":\"SYNTH\"");
        push(out, format_args!(",\"camera_id\":{}", self.camera.number));
        push_name(out, "best_uuid");
        self.push_id(out);
        push_name(out, "best_plate_number");
        push_json(out, self.seen.plate.as_ref().map_or("", Plate::as_str));
        push(out, format_args!(",\"best_confidence\":{:.4}", 100.0 * self.seen.confidence));
        push_field(out, "best_region", &self.jurisdiction.to_lowercase());
        push(out, format_args!(",\"best_region_confidence\":{:.0}", 100.0 * self.jurisdiction_confidence));
        push(
            out,
            format_args!(",\"gps_latitude\":{},\"gps_longitude\":{}", self.camera.lat, self.camera.lon),
        );
        push_name(out, "candidates");
        self.push_candidates(out, 100.0, ",\"matches_template\":0");
        push_name(out, "vehicle");
        out.push(b'{');
        let known =
            [("color", &self.vehicle.color), ("make", &self.vehicle.make), ("body_type", &self.vehicle.body)];
        for (name, value) in known.into_iter().filter(|(_, value)| !value.is_empty()) {
            push_name(out, name);
            push(out, "[{\"name\":");
            push_json(out, &value.to_lowercase());
            push(out, ",\"confidence\":81.5}]");
        }
        out.extend_from_slice(b"}}");
    }

    /// Unique over seeds and numbers, and of constant length: 20 characters.
    fn push_id(&self, out: &mut Vec<u8>) {
        push(out, format_args!("\"s{:x}-{:012}\"", self.seed & 0xFFFF_FFFF, self.n));
    }

    fn push_candidates(&self, out: &mut Vec<u8>, scale: f64, more: &str) {
        out.push(b'[');
        for (nth, (plate, confidence)) in self.seen.candidates.iter().enumerate() {
            let comma = if nth == 0 { "" } else { "," };
            let confidence = scale * confidence;
            push(
                out,
                format_args!(
                    "{comma}{{\"plate\":\"{}\",\"confidence\":{confidence:.4}{more}}}",
                    plate.as_str()
                ),
            );
        }
        out.push(b']');
    }

    fn push_vehicle(&self, out: &mut Vec<u8>) {
        let vehicle = &self.vehicle;
        push_name(out, "vehicle");
        out.push(b'{');
        push_field(out, "make", &vehicle.make);
        if self.fields == Fields::All {
            push_field(out, "model", &vehicle.model);
        }
        push_field(out, "color", &vehicle.color);
        push_field(out, "type", &vehicle.body);
        if self.fields == Fields::All && vehicle.year > 0 {
            push_name(out, "year");
            push(out, format_args!("\"{}\"", vehicle.year));
        }
        out.push(b'}');
    }
}
