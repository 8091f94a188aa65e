//! The places that [`super::Jurisdiction`] knows by name.
//!
//! Tables only: ISO 3166-1 countries, the ISO 3166-2 subdivisions of the countries whose states issue the plates,
//! and the further spellings that lists use. Names are in capitals, without accents and separators.

/// Codes and names of states, provinces and territories; the first row of a code is its full name.
pub(super) static SUBDIVISIONS: &[(&str, &str)] = &[
    ("US-AL", "ALABAMA"),
    ("US-AK", "ALASKA"),
    ("US-AZ", "ARIZONA"),
    ("US-AR", "ARKANSAS"),
    ("US-CA", "CALIFORNIA"),
    ("US-CO", "COLORADO"),
    ("US-CT", "CONNECTICUT"),
    ("US-DE", "DELAWARE"),
    ("US-DC", "DISTRICTOFCOLUMBIA"),
    ("US-FL", "FLORIDA"),
    ("US-GA", "GEORGIA"),
    ("US-HI", "HAWAII"),
    ("US-ID", "IDAHO"),
    ("US-IL", "ILLINOIS"),
    ("US-IN", "INDIANA"),
    ("US-IA", "IOWA"),
    ("US-KS", "KANSAS"),
    ("US-KY", "KENTUCKY"),
    ("US-LA", "LOUISIANA"),
    ("US-ME", "MAINE"),
    ("US-MD", "MARYLAND"),
    ("US-MA", "MASSACHUSETTS"),
    ("US-MI", "MICHIGAN"),
    ("US-MN", "MINNESOTA"),
    ("US-MS", "MISSISSIPPI"),
    ("US-MO", "MISSOURI"),
    ("US-MT", "MONTANA"),
    ("US-NE", "NEBRASKA"),
    ("US-NV", "NEVADA"),
    ("US-NH", "NEWHAMPSHIRE"),
    ("US-NJ", "NEWJERSEY"),
    ("US-NM", "NEWMEXICO"),
    ("US-NY", "NEWYORK"),
    ("US-NC", "NORTHCAROLINA"),
    ("US-ND", "NORTHDAKOTA"),
    ("US-OH", "OHIO"),
    ("US-OK", "OKLAHOMA"),
    ("US-OR", "OREGON"),
    ("US-PA", "PENNSYLVANIA"),
    ("US-RI", "RHODEISLAND"),
    ("US-SC", "SOUTHCAROLINA"),
    ("US-SD", "SOUTHDAKOTA"),
    ("US-TN", "TENNESSEE"),
    ("US-TX", "TEXAS"),
    ("US-UT", "UTAH"),
    ("US-VT", "VERMONT"),
    ("US-VA", "VIRGINIA"),
    ("US-WA", "WASHINGTON"),
    ("US-WV", "WESTVIRGINIA"),
    ("US-WI", "WISCONSIN"),
    ("US-WY", "WYOMING"),
    ("US-PR", "PUERTORICO"),
    ("US-GU", "GUAM"),
    ("US-VI", "USVIRGINISLANDS"),
    ("US-AS", "AMERICANSAMOA"),
    ("US-MP", "NORTHERNMARIANAISLANDS"),
    ("CA-AB", "ALBERTA"),
    ("CA-BC", "BRITISHCOLUMBIA"),
    ("CA-MB", "MANITOBA"),
    ("CA-NB", "NEWBRUNSWICK"),
    ("CA-NL", "NEWFOUNDLANDANDLABRADOR"),
    ("CA-NS", "NOVASCOTIA"),
    ("CA-NT", "NORTHWESTTERRITORIES"),
    ("CA-NU", "NUNAVUT"),
    ("CA-ON", "ONTARIO"),
    ("CA-PE", "PRINCEEDWARDISLAND"),
    ("CA-QC", "QUEBEC"),
    ("CA-SK", "SASKATCHEWAN"),
    ("CA-YT", "YUKON"),
    ("MX-AGU", "AGUASCALIENTES"),
    ("MX-BCN", "BAJACALIFORNIA"),
    ("MX-BCS", "BAJACALIFORNIASUR"),
    ("MX-CAM", "CAMPECHE"),
    ("MX-CHP", "CHIAPAS"),
    ("MX-CHH", "CHIHUAHUA"),
    ("MX-CMX", "CIUDADDEMEXICO"),
    ("MX-COA", "COAHUILA"),
    ("MX-COL", "COLIMA"),
    ("MX-DUR", "DURANGO"),
    ("MX-GUA", "GUANAJUATO"),
    ("MX-GRO", "GUERRERO"),
    ("MX-HID", "HIDALGO"),
    ("MX-JAL", "JALISCO"),
    ("MX-MEX", "ESTADODEMEXICO"),
    ("MX-MIC", "MICHOACAN"),
    ("MX-MOR", "MORELOS"),
    ("MX-NAY", "NAYARIT"),
    ("MX-NLE", "NUEVOLEON"),
    ("MX-OAX", "OAXACA"),
    ("MX-PUE", "PUEBLA"),
    ("MX-QUE", "QUERETARO"),
    ("MX-ROO", "QUINTANAROO"),
    ("MX-SLP", "SANLUISPOTOSI"),
    ("MX-SIN", "SINALOA"),
    ("MX-SON", "SONORA"),
    ("MX-TAB", "TABASCO"),
    ("MX-TAM", "TAMAULIPAS"),
    ("MX-TLA", "TLAXCALA"),
    ("MX-VER", "VERACRUZ"),
    ("MX-YUC", "YUCATAN"),
    ("MX-ZAC", "ZACATECAS"),
    ("US-DC", "WASHINGTONDC"),
    ("US-VI", "VIRGINISLANDS"),
    ("US-MP", "NORTHERNMARIANAS"),
    ("CA-NL", "NEWFOUNDLAND"),
    ("CA-PE", "PEI"),
    ("CA-NT", "NWT"),
    ("CA-YT", "YUKONTERRITORY"),
    ("MX-CMX", "CDMX"),
    ("MX-CMX", "MEXICOCITY"),
    ("MX-CMX", "DISTRITOFEDERAL"),
    ("MX-MEX", "EDOMEX"),
    ("MX-MEX", "STATEOFMEXICO"),
    ("MX-BCN", "BAJACALIFORNIANORTE"),
    ("MX-COA", "COAHUILADEZARAGOZA"),
    ("MX-MIC", "MICHOACANDEOCAMPO"),
    ("MX-VER", "VERACRUZLLAVE"),
    ("MX-QUE", "QUERETARODEARTEAGA"),
    ("MX-CHH", "CHIH"),
    ("MX-COA", "COAH"),
    ("MX-TAM", "TAMPS"),
];

/// Other codes that stand for a subdivision: a code that ISO withdrew, and U.S. territories that it knows as
/// countries too have only one spelling here.
pub(super) static SUBDIVISION_ALIASES: &[(&str, &str)] =
    &[("MX-DIF", "MX-CMX"), ("CA-PQ", "CA-QC"), ("CA-NF", "CA-NL")];

/// Two-letter codes beside those of ISO: the police networks' names for Quebec and Newfoundland, and the
/// former name of Mexico City.
pub(super) static SHORT_ALIASES: &[(&str, &str)] =
    &[("PQ", "CA-QC"), ("NF", "CA-NL"), ("DF", "MX-CMX"), ("UK", "GB")];

/// Two-letter codes of subdivisions that other lists use for another place, so that alone they are unknown:
/// New Brunswick or Nebraska, Newfoundland and Labrador or Nuevo León, Guam or Guanajuato.
const AMBIGUOUS: [&[u8]; 3] = [b"NB", b"NL", b"GU"];

/// Two-letter codes of countries that lists use for Mexican states, so that alone they are unknown.
pub(super) static NOT_COUNTRIES: &[&str] = &[
    "AG", "BA", "BJ", "BS", "CH", "CI", "CL", "CM", "CU", "DO", "GR", "GT", "GU", "MC", "MR", "NA", "NB",
    "NL", "PL", "SI", "SL", "SO", "TC", "TL", "TM", "VC", "VE", "ZA",
];

/// Names and three-letter codes of countries; others are known by their two-letter code.
pub(super) static COUNTRY_NAMES: &[(&str, &str)] = &[
    ("US", "USA"),
    ("US", "UNITEDSTATES"),
    ("US", "UNITEDSTATESOFAMERICA"),
    ("CA", "CAN"),
    ("CA", "CANADA"),
    ("MX", "MEX"),
    ("MX", "MEXICO"),
    ("GB", "GBR"),
    ("GB", "UNITEDKINGDOM"),
    ("GB", "GREATBRITAIN"),
    ("DE", "DEU"),
    ("DE", "GERMANY"),
];

/// The two-letter codes of all countries, one after the other.
pub(super) const COUNTRIES: &str = "\
    ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCN\
    COCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHM\
    HNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMK\
    MLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURW\
    SASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVI\
    VNVUWFWSYEYTZAZMZW\
    ";

/// For two letters the row of [`SUBDIVISIONS`] that they name alone, from 1; 0 for none.
#[expect(clippy::cast_possible_truncation, reason = "fewer rows than 255, and the test finds every code")]
pub(super) static SHORT: [[u8; 26]; 26] = {
    let mut table = [[0; 26]; 26];
    let mut nth = SUBDIVISIONS.len();
    // Backwards, so that the first row of a code is the one that stays.
    while nth > 0 {
        nth -= 1;
        let code = SUBDIVISIONS[nth].0.as_bytes();
        if code.len() == 5 && !is_ambiguous(code) {
            let slot = &mut table[(code[3] - b'A') as usize][(code[4] - b'A') as usize];
            *slot = nth as u8 + 1;
        }
    }
    table
};

/// The codes of [`SUBDIVISIONS`] in order, zero beyond their ends, for whoever would walk over all of them for each read
/// near an entry.
pub(super) static CODES: [[u8; 6]; SUBDIVISIONS.len()] = {
    let mut codes = [[0; 6]; SUBDIVISIONS.len()];
    let mut nth = 0;
    while nth < SUBDIVISIONS.len() {
        let text = SUBDIVISIONS[nth].0.as_bytes();
        let mut code = [0; 6];
        let mut at = 0;
        while at < text.len() {
            code[at] = text[at];
            at += 1;
        }
        // Insertion: the table is short, and this runs while compiling.
        let mut place = nth;
        while place > 0 && number(codes[place - 1]) > number(code) {
            codes[place] = codes[place - 1];
            place -= 1;
        }
        codes[place] = code;
        nth += 1;
    }
    codes
};

const fn number(code: [u8; 6]) -> u64 {
    u64::from_be_bytes([0, 0, code[0], code[1], code[2], code[3], code[4], code[5]])
}

const fn is_ambiguous(code: &[u8]) -> bool {
    let mut nth = 0;
    while nth < AMBIGUOUS.len() {
        if code[3] == AMBIGUOUS[nth][0] && code[4] == AMBIGUOUS[nth][1] {
            return true;
        }
        nth += 1;
    }
    false
}
