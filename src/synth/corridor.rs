//! The cameras of a city and its roads to the border.
//!
//! Owns the sites, where they are, and the camera over each lane. The place is invented; it lies where such a
//! corridor could.

use super::rng::Rng;

/// All cameras.
#[derive(Clone, Debug)]
pub struct Corridor {
    cameras: Vec<Camera>,
}

/// A camera over one lane.
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    /// Unique name: site, direction and lane.
    pub id: String,
    /// Number among all cameras, from 1, for formats that number them.
    pub number: usize,
    /// Name of the site.
    pub site_id: &'static str,
    /// Latitude in degrees.
    pub lat: f64,
    /// Longitude in degrees.
    pub lon: f64,
    /// Direction of travel.
    pub direction: &'static str,
    /// Lane, from 1 at the median.
    pub lane: u8,
}

impl Corridor {
    /// The corridor.
    #[must_use]
    pub fn new() -> Self {
        let mut cameras: Vec<Camera> = SITES.iter().flat_map(Site::cameras).collect();
        for (nth, camera) in cameras.iter_mut().enumerate() {
            camera.number = nth + 1;
        }
        Self { cameras }
    }

    /// Its cameras.
    #[must_use]
    pub fn cameras(&self) -> &[Camera] {
        &self.cameras
    }

    /// Draws a camera.
    pub fn draw(&self, rng: &mut Rng) -> &Camera {
        rng.pick(&self.cameras)
    }
}

impl Default for Corridor {
    fn default() -> Self {
        Self::new()
    }
}

struct Site {
    id: &'static str,
    lat: f64,
    lon: f64,
    directions: [&'static str; 2],
    lanes: u8,
}

impl Site {
    fn cameras(&self) -> impl Iterator<Item = Camera> {
        self.directions.into_iter().flat_map(move |direction| {
            (1..=self.lanes).map(move |lane| Camera {
                id: format!("{}-{}{lane}", self.id, direction[..1].to_uppercase()),
                number: 0,
                site_id: self.id,
                lat: self.lat,
                lon: self.lon,
                direction,
                lane,
            })
        })
    }
}

const fn site(id: &'static str, lat: f64, lon: f64, directions: [&'static str; 2], lanes: u8) -> Site {
    Site { id, lat, lon, directions, lanes }
}

const NS: [&str; 2] = ["north", "south"];
const EW: [&str; 2] = ["east", "west"];

static SITES: [Site; 14] = [
    site("RIO-BRIDGE", 31.7484, -106.4871, NS, 3),
    site("MESA-BRIDGE", 31.7645, -106.4512, NS, 4),
    site("PORT-EAST", 31.6727, -106.3359, NS, 3),
    site("I10-MM006", 31.8442, -106.5731, EW, 3),
    site("I10-MM019", 31.7719, -106.4903, EW, 4),
    site("I10-MM032", 31.7247, -106.3121, EW, 3),
    site("I10-MM049", 31.5402, -106.0789, EW, 2),
    site("US54-MM021", 31.8721, -106.4267, NS, 3),
    site("US62-MM044", 31.8216, -106.1475, EW, 2),
    site("LOOP375-07", 31.7009, -106.3048, EW, 2),
    site("CITY-MESA", 31.7903, -106.5093, NS, 2),
    site("CITY-DYER", 31.8344, -106.4382, NS, 2),
    site("AIRPORT-RD", 31.7986, -106.3957, EW, 2),
    site("CHECKPT-18", 32.0213, -106.0532, EW, 2),
];
