//! The catalogues: which codes there are, under which names clients send them. Pure.
//!
//! Sources: Colombian document codes and the tax authority's numbers for them (DIAN), FHIR R4
//! AdministrativeGender with ISO/IEC 5218 numbers, FHIR R4 Appointment.status, the national codes of
//! health insurers (EPS). A tenant may add codes of its own.

use kernel::http::Fault;

/// A catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    DocType,
    Gender,
    Eps,
    Modality,
    State,
    NotificationState,
}

impl Kind {
    pub const ALL: [Kind; 6] = [
        Kind::DocType,
        Kind::Gender,
        Kind::Eps,
        Kind::Modality,
        Kind::State,
        Kind::NotificationState,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::DocType => "doc_type",
            Kind::Gender => "gender",
            Kind::Eps => "eps",
            Kind::Modality => "modality",
            Kind::State => "state",
            Kind::NotificationState => "notification_state",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The codes that Reeve ships: code, Spanish name, and the other ways to write it.
    pub fn shipped(self) -> &'static [Entry] {
        match self {
            Kind::DocType => DOC_TYPES,
            Kind::Gender => GENDERS,
            Kind::Eps => INSURERS,
            Kind::Modality => MODALITIES,
            Kind::State => STATES,
            Kind::NotificationState => NOTIFICATION_STATES,
        }
    }

    /// Workflow hangs on the states, so a tenant cannot add any.
    pub fn open(self) -> bool {
        self != Kind::State
    }
}

/// A shipped code.
pub struct Entry {
    pub code: &'static str,
    pub name: &'static str,
    pub aliases: &'static [&'static str],
}

const fn entry(code: &'static str, name: &'static str, aliases: &'static [&'static str]) -> Entry {
    Entry { code, name, aliases }
}

const DOC_TYPES: &[Entry] = &[
    entry("CC", "Cédula de ciudadanía", &["13"]),
    entry("TI", "Tarjeta de identidad", &["12"]),
    entry("RC", "Registro civil", &["11"]),
    entry("CE", "Cédula de extranjería", &["22", "21"]),
    entry("PA", "Pasaporte", &["41", "PAS"]),
    entry("CD", "Carné diplomático", &[]),
    entry("SC", "Salvoconducto", &[]),
    entry("PE", "Permiso especial de permanencia", &["PEP", "EP"]),
    entry("PT", "Permiso por protección temporal", &["PPT"]),
    entry("NI", "Número de identificación tributaria", &["NIT", "31"]),
    entry("NU", "Número único de identificación personal", &["NUIP", "91"]),
    entry("CN", "Certificado de nacido vivo", &["NV"]),
    entry("AS", "Adulto sin identificación", &[]),
    entry("MS", "Menor sin identificación", &[]),
    entry("DE", "Documento extranjero", &["42"]),
    entry("SI", "Sin identificación", &[]),
];

/// `M` is taken as masculine, as in FHIR's v2 table 0001; `H` is not taken at all, since some
/// national forms pair it with `M` for *mujer*.
const GENDERS: &[Entry] = &[
    entry("male", "Masculino", &["M", "masculino", "1"]),
    entry("female", "Femenino", &["F", "femenino", "2"]),
    entry("other", "Otro", &["O", "otro", "9"]),
    entry("unknown", "Desconocido", &["U", "desconocido", "0"]),
];

const INSURERS: &[Entry] = &[
    entry("EPS002", "Salud Total", &[]),
    entry("EPS005", "Sanitas", &[]),
    entry("EPS008", "Compensar", &[]),
    entry("EPS010", "SURA", &["SURAMERICANA"]),
    entry("EPS012", "Comfenalco Valle", &[]),
    entry("EPS017", "Famisanar", &[]),
    entry("EPS018", "Servicio Occidental de Salud", &["SOS"]),
    entry("EPS037", "Nueva EPS", &["NUEVA EPS"]),
    entry("EPS046", "Salud Mía", &[]),
    entry("PARTICULAR", "Sin EPS: paga la persona", &["particular"]),
];

const MODALITIES: &[Entry] = &[
    entry("in_person", "Presencial", &["presencial"]),
    entry("virtual", "Virtual", &["telemedicina", "teleconsulta"]),
    entry("home", "Domiciliaria", &["domiciliaria", "domicilio"]),
];

const STATES: &[Entry] = &[
    entry("proposed", "Propuesta", &["propuesta"]),
    entry("pending", "Pendiente", &["pendiente"]),
    entry("booked", "Agendada", &["agendada", "programada", "confirmada"]),
    entry("arrived", "Llegó", &["llegó"]),
    entry("checked-in", "Registrada", &["registrada"]),
    entry("fulfilled", "Cumplida", &["cumplida", "atendida"]),
    entry("cancelled", "Cancelada", &["cancelada"]),
    entry("noshow", "No asistió", &["no_asistió", "no asistió", "inasistencia"]),
    entry("waitlist", "Lista de espera", &["lista_de_espera"]),
    entry("entered-in-error", "Registrada por error", &["error"]),
];

const NOTIFICATION_STATES: &[Entry] = &[
    entry("pending", "Pendiente", &["pendiente"]),
    entry("sent", "Enviada", &["enviada"]),
    entry("delivered", "Entregada", &["entregada"]),
    entry("confirmed", "Confirmada", &["confirmada"]),
    entry("failed", "Fallida", &["fallida"]),
];

/// The catalogues of one tenant: those that Reeve ships, and the codes it added.
#[derive(Default)]
pub struct Catalogues {
    pub added: Vec<(String, String)>,
}

impl Catalogues {
    /// The canonical code for what a client sent: code, name or alias, in any case.
    ///
    /// # Errors
    /// `unknown_code`: there is none; the shipped codes are named.
    pub fn resolve(&self, kind: Kind, given: &str) -> Result<String, Fault> {
        let given = given.trim();
        let same = |text: &str| text.to_lowercase() == given.to_lowercase();
        let shipped = kind.shipped().iter();
        if let Some(known) = shipped
            .clone()
            .find(|e| same(e.code) || same(e.name) || e.aliases.iter().any(|a| same(a)))
        {
            return Ok(known.code.to_owned());
        }
        if let Some((_, code)) = self.added.iter().find(|(k, code)| k == kind.name() && same(code))
        {
            return Ok(code.clone());
        }
        let codes: Vec<_> = shipped.map(|entry| entry.code).collect();
        Err((
            UNKNOWN,
            format!("expected a code of the catalogue `{}`: {}", kind.name(), codes.join(", ")),
        ))
    }
}

/// The kind of the fault that a tenant's own codes may mend.
pub const UNKNOWN: &str = "unknown_code";

/// A code of a tenant's own: 1 to 40 letters, digits, `_`, `-`, `.`.
///
/// # Errors
/// What a code is.
pub fn parse_code(code: String) -> Result<String, Fault> {
    let code = code.trim().to_owned();
    let fits = (1..=40).contains(&code.len())
        && code.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if fits {
        Ok(code)
    } else {
        Err(("code", "give 1 to 40 letters, digits, `_`, `-` or `.`".into()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn resolve(kind: Kind, given: &str) -> Option<String> {
        Catalogues::default().resolve(kind, given).ok()
    }

    #[test]
    fn codes_aliases_and_numbers_lead_to_the_canonical_code() {
        assert_eq!(resolve(Kind::DocType, "cc").as_deref(), Some("CC"));
        assert_eq!(resolve(Kind::DocType, "13").as_deref(), Some("CC"));
        assert_eq!(resolve(Kind::DocType, "PEP").as_deref(), Some("PE"));
        assert_eq!(resolve(Kind::DocType, "NUIP").as_deref(), Some("NU"));
        assert_eq!(resolve(Kind::Gender, "F").as_deref(), Some("female"));
        assert_eq!(resolve(Kind::Modality, "Presencial").as_deref(), Some("in_person"));
        assert_eq!(resolve(Kind::State, "CANCELADA").as_deref(), Some("cancelled"));
        assert_eq!(resolve(Kind::Eps, " eps010 ").as_deref(), Some("EPS010"));
    }

    #[test]
    fn an_unknown_code_is_named_by_kind_and_not_repeated() {
        let (kind, msg) =
            Catalogues::default().resolve(Kind::DocType, "CANARY").expect_err("unknown");
        assert_eq!(kind, UNKNOWN);
        assert!(msg.contains("CC") && !msg.contains("CANARY"), "{msg}");
    }

    #[test]
    fn a_tenants_own_code_counts_in_its_catalogue_only() {
        let own = Catalogues { added: vec![("eps".into(), "EPSX1".into())] };
        assert_eq!(own.resolve(Kind::Eps, "epsx1"), Ok("EPSX1".into()));
        assert!(own.resolve(Kind::Gender, "EPSX1").is_err());
    }

    #[test]
    fn no_name_in_a_catalogue_means_two_codes() {
        for kind in Kind::ALL {
            let mut seen = HashMap::new();
            for entry in kind.shipped() {
                for name in entry.aliases.iter().chain([&entry.code, &entry.name]) {
                    let before = seen.insert(name.to_lowercase(), entry.code);
                    assert!(before.is_none_or(|b| b == entry.code), "{name} in {}", kind.name());
                }
            }
        }
    }

    #[test]
    fn a_code_of_ones_own_is_short_and_plain() {
        assert_eq!(parse_code(" EPS-1 ".into()), Ok("EPS-1".into()));
        for bad in ["", "a b", "ñ", &"x".repeat(41)] {
            assert!(parse_code(bad.into()).is_err());
        }
    }
}
