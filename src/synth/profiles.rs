//! The agencies whose lists are made up, and what each puts on its list.
//!
//! Owns the categories with their priorities, reasons and cautions. All agencies are invented.

/// A kind of list: whose it is and what stands on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// Name of the profile, and a good id for its list.
    pub id: &'static str,
    /// The agency.
    pub agency: &'static str,
    /// Categories with their weights.
    pub categories: &'static [(usize, Category)],
    /// Share of entries with a Mexican plate, besides those of the general mix.
    pub mexican: f64,
    /// Share of entries that are wildcards or partial plates.
    pub patterns: f64,
    /// Share of entries that name the vehicle.
    pub vehicles: f64,
    /// Keeps the entries of two profiles apart.
    pub(super) stream: u64,
}

/// Why a plate is listed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Category {
    /// Name in lists and alerts.
    pub name: &'static str,
    /// 0 is the highest.
    pub priority: u8,
    /// Reasons in words.
    pub reasons: &'static [&'static str],
    /// Cautions for officers, for some of the entries.
    pub cautions: &'static [&'static str],
}

impl Profile {
    /// A state's stolen vehicles and plates: large, exact, mostly harmless.
    pub const STOLEN: Self = Self {
        id: "stolen",
        agency: "State Auto Theft Unit",
        categories: &[(70, STOLEN_VEHICLE), (30, STOLEN_PLATE)],
        mexican: 0.05,
        patterns: 0.0,
        vehicles: 0.9,
        stream: 0x10,
    };

    /// Wanted and missing persons.
    pub const WANTED: Self = Self {
        id: "wanted",
        agency: "Fugitive and Missing Persons Bureau",
        categories: &[(60, FELONY_WARRANT), (30, MISSING_PERSON), (8, PROTECTION_ORDER), (2, AMBER_ALERT)],
        mexican: 0.05,
        patterns: 0.005,
        vehicles: 0.7,
        stream: 0x11,
    };

    /// A task force against trafficking.
    pub const TRAFFICKING: Self = Self {
        id: "trafficking",
        agency: "Rio Corridor Task Force",
        categories: &[
            (30, BULK_CASH),
            (35, DRUG_TRAFFICKING),
            (15, WEAPONS_TRAFFICKING),
            (20, HUMAN_SMUGGLING),
        ],
        mexican: 0.35,
        patterns: 0.03,
        vehicles: 0.8,
        stream: 0x12,
    };

    /// A city's own lookouts: short, many partial plates.
    pub const LOCAL: Self = Self {
        id: "local",
        agency: "Rio City Police",
        categories: &[(40, HIT_AND_RUN), (30, PERSON_OF_INTEREST), (20, STOLEN_VEHICLE), (10, STOLEN_PLATE)],
        mexican: 0.05,
        patterns: 0.2,
        vehicles: 0.85,
        stream: 0x13,
    };

    /// Something of everything.
    pub const MIXED: Self = Self {
        id: "mixed",
        agency: "Corridor Fusion Center",
        categories: &[
            (45, STOLEN_VEHICLE),
            (15, STOLEN_PLATE),
            (15, FELONY_WARRANT),
            (8, MISSING_PERSON),
            (5, BULK_CASH),
            (6, DRUG_TRAFFICKING),
            (3, WEAPONS_TRAFFICKING),
            (2, HUMAN_SMUGGLING),
            (1, AMBER_ALERT),
        ],
        mexican: 0.05,
        patterns: 0.01,
        vehicles: 0.8,
        stream: 0x14,
    };

    /// All profiles.
    pub const ALL: [Self; 5] = [Self::STOLEN, Self::WANTED, Self::TRAFFICKING, Self::LOCAL, Self::MIXED];
}

const STOLEN_VEHICLE: Category = Category {
    name: "stolen_vehicle",
    priority: 2,
    reasons: &["reported stolen", "taken in a carjacking", "rental not returned", "taken from a dealer lot"],
    cautions: &["carjacking suspect, may be armed"],
};

const STOLEN_PLATE: Category = Category {
    name: "stolen_plate",
    priority: 3,
    reasons: &["plate reported stolen", "plate reported lost", "cloned plate in use"],
    cautions: &[],
};

const FELONY_WARRANT: Category = Category {
    name: "felony_warrant",
    priority: 1,
    reasons: &["registered owner has a felony warrant", "known to be used by a fugitive", "escapee"],
    cautions: &["armed and dangerous", "violent tendencies", "known to flee"],
};

const MISSING_PERSON: Category = Category {
    name: "missing_person",
    priority: 1,
    reasons: &["vehicle of a missing person", "endangered missing adult", "silver alert"],
    cautions: &["medical condition, approach with care"],
};

const PROTECTION_ORDER: Category = Category {
    name: "protection_order",
    priority: 2,
    reasons: &["subject of a protection order"],
    cautions: &["violent tendencies"],
};

const AMBER_ALERT: Category = Category {
    name: "amber_alert",
    priority: 0,
    reasons: &["child abduction"],
    cautions: &["child on board, do not pursue alone"],
};

const BULK_CASH: Category = Category {
    name: "bulk_cash",
    priority: 2,
    reasons: &["suspected bulk cash southbound", "courier vehicle"],
    cautions: &["hidden compartment suspected"],
};

const DRUG_TRAFFICKING: Category = Category {
    name: "drug_trafficking",
    priority: 1,
    reasons: &["suspected load vehicle", "scout vehicle of a trafficking group", "seen at a stash house"],
    cautions: &["armed and dangerous", "hidden compartment suspected"],
};

const WEAPONS_TRAFFICKING: Category = Category {
    name: "weapons_trafficking",
    priority: 1,
    reasons: &["suspected weapons southbound", "straw purchaser's vehicle"],
    cautions: &["armed and dangerous", "automatic weapons on board"],
};

const HUMAN_SMUGGLING: Category = Category {
    name: "human_smuggling",
    priority: 1,
    reasons: &["suspected smuggling of persons", "failed to yield at checkpoint"],
    cautions: &["persons concealed in the vehicle", "known to flee"],
};

const HIT_AND_RUN: Category = Category {
    name: "hit_and_run",
    priority: 3,
    reasons: &["left the scene of a crash", "partial plate from a witness"],
    cautions: &[],
};

const PERSON_OF_INTEREST: Category = Category {
    name: "person_of_interest",
    priority: 4,
    reasons: &["vehicle of interest, observe and report", "subject of an investigation"],
    cautions: &[],
};
