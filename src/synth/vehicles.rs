//! Vehicles whose make, model, body and year belong together.
//!
//! Owns the table of models and the shares of colors, and what a camera makes of a vehicle when it errs. An empty
//! text and year 0 stand for what is not known.

use std::borrow::Cow;

use super::rng::Rng;

/// A vehicle, or what is known of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vehicle {
    /// Make; empty if not known.
    pub make: Cow<'static, str>,
    /// Model; empty if not known.
    pub model: Cow<'static, str>,
    /// Color; empty if not known.
    pub color: Cow<'static, str>,
    /// Body type; empty if not known.
    pub body: Cow<'static, str>,
    /// Model year; 0 if not known.
    pub year: u16,
}

impl Vehicle {
    /// Draws a vehicle of the corridor.
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        let model = rng.weighted(&MODELS, |m| m.weight);
        let years = usize::from(LAST_YEAR - model.first_year);
        // The lesser of two draws of age: newer cars are more common.
        let age = rng.below(years + 1).min(rng.below(years + 1));
        Self {
            make: Cow::Borrowed(model.make),
            model: Cow::Borrowed(model.name),
            color: Cow::Borrowed(rng.weighted(&COLORS, |c| c.0).1),
            body: Cow::Borrowed(model.body),
            year: LAST_YEAR - u16::try_from(age).unwrap_or_default(),
        }
    }

    /// What a camera says of the vehicle: it mistakes some colors and does not tell every make and model.
    #[must_use]
    pub fn seen(&self, rng: &mut Rng) -> Self {
        let mut seen = self.clone();
        if rng.chance(MISTAKEN_COLOR)
            && let Some(alike) = ALIKE.iter().find(|alike| alike.contains(&&*seen.color))
        {
            let color: &&str = rng.pick(alike);
            seen.color = Cow::Borrowed(color);
        }
        if rng.chance(UNKNOWN_MODEL) {
            (seen.model, seen.year) = (Cow::Borrowed(""), 0);
        }
        if rng.chance(UNKNOWN_MAKE) {
            seen.make = Cow::Borrowed("");
            seen.model = Cow::Borrowed("");
        }
        seen
    }
}

/// Shares of reads in which the camera errs about a vehicle: plausible, not measured.
const MISTAKEN_COLOR: f64 = 0.06;
const UNKNOWN_MODEL: f64 = 0.25;
const UNKNOWN_MAKE: f64 = 0.08;

const LAST_YEAR: u16 = 2026;

struct Model {
    make: &'static str,
    name: &'static str,
    body: &'static str,
    first_year: u16,
    weight: usize,
}

const fn model(
    make: &'static str,
    name: &'static str,
    body: &'static str,
    first_year: u16,
    weight: usize,
) -> Model {
    Model { make, name, body, first_year, weight }
}

static MODELS: [Model; 40] = [
    model("Ford", "F-150", "pickup", 1998, 60),
    model("Ford", "F-250", "pickup", 1999, 20),
    model("Ford", "Explorer", "suv", 2000, 30),
    model("Ford", "Escape", "suv", 2001, 25),
    model("Ford", "Mustang", "coupe", 1999, 12),
    model("Ford", "Transit", "van", 2014, 12),
    model("Chevrolet", "Silverado", "pickup", 1999, 55),
    model("Chevrolet", "Malibu", "sedan", 2004, 25),
    model("Chevrolet", "Tahoe", "suv", 2000, 25),
    model("Chevrolet", "Aveo", "sedan", 2004, 15),
    model("Chevrolet", "Equinox", "suv", 2005, 22),
    model("GMC", "Sierra", "pickup", 1999, 25),
    model("GMC", "Yukon", "suv", 2000, 15),
    model("Ram", "1500", "pickup", 2010, 40),
    model("Dodge", "Charger", "sedan", 2006, 20),
    model("Dodge", "Challenger", "coupe", 2008, 10),
    model("Dodge", "Grand Caravan", "van", 2000, 14),
    model("Jeep", "Wrangler", "suv", 1997, 20),
    model("Jeep", "Grand Cherokee", "suv", 1999, 22),
    model("Toyota", "Camry", "sedan", 1999, 45),
    model("Toyota", "Corolla", "sedan", 1999, 40),
    model("Toyota", "Tacoma", "pickup", 1999, 32),
    model("Toyota", "RAV4", "suv", 2000, 35),
    model("Toyota", "Highlander", "suv", 2001, 18),
    model("Honda", "Civic", "sedan", 1999, 40),
    model("Honda", "Accord", "sedan", 1999, 38),
    model("Honda", "CR-V", "suv", 2000, 32),
    model("Nissan", "Altima", "sedan", 2000, 32),
    model("Nissan", "Sentra", "sedan", 2000, 30),
    model("Nissan", "Versa", "sedan", 2007, 25),
    model("Nissan", "Frontier", "pickup", 2000, 16),
    model("Hyundai", "Elantra", "sedan", 2003, 25),
    model("Hyundai", "Tucson", "suv", 2005, 15),
    model("Kia", "Forte", "sedan", 2010, 16),
    model("Kia", "Optima", "sedan", 2006, 12),
    model("Volkswagen", "Jetta", "sedan", 1999, 22),
    model("BMW", "328i", "sedan", 2007, 8),
    model("Freightliner", "Cascadia", "truck", 2008, 18),
    model("Kenworth", "T680", "truck", 2013, 12),
    model("Harley-Davidson", "Street Glide", "motorcycle", 2006, 6),
];

static COLORS: [(usize, &str); 10] = [
    (25, "white"),
    (22, "black"),
    (19, "gray"),
    (13, "silver"),
    (9, "blue"),
    (8, "red"),
    (2, "brown"),
    (2, "green"),
    (1, "gold"),
    (1, "orange"),
];

/// Colors that cameras take for one another.
static ALIKE: [&[&str]; 4] = [
    &["gray", "silver", "white"],
    &["black", "blue", "gray"],
    &["red", "orange", "brown"],
    &["gold", "brown"],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn make_model_body_and_year_belong_together() {
        for n in 0..5_000 {
            let vehicle = Vehicle::draw(&mut Rng::new(1, 1, n));
            let model = MODELS.iter().find(|m| m.name == vehicle.model).unwrap();
            assert_eq!((model.make, model.body), (&*vehicle.make, &*vehicle.body));
            assert!((model.first_year..=LAST_YEAR).contains(&vehicle.year));
        }
    }

    #[test]
    fn a_camera_is_right_about_most_vehicles() {
        let mut rng = Rng::new(1, 1, 1);
        let vehicle = Vehicle::draw(&mut rng);
        let seen: Vec<_> = (0..2_000).map(|_| vehicle.seen(&mut rng)).collect();
        let same_color = seen.iter().filter(|v| v.color == vehicle.color).count();
        let same_make = seen.iter().filter(|v| v.make == vehicle.make).count();
        assert!((1_860..2_000).contains(&same_color), "{same_color}");
        assert!((1_760..1_900).contains(&same_make), "{same_make}");
    }
}
