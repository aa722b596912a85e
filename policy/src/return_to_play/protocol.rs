//! The consensus statements on concussion in sport and their steps.

/// A generation of the statement. Stored with each case: step 1 of one is not step 1 of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Zurich, 2012; Ohio's rule for psychologists (OAC 4732-17-01.1) cites it.
    Zurich2012,
    /// Berlin, 2016; Ohio's rule for physicians (OAC 4731-31-01) cites it.
    Berlin2016,
    /// Amsterdam, 2022.
    Amsterdam2022,
}

/// A step of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// From 1.
    pub number: u8,
    pub name: &'static str,
}

const fn stage(number: u8, name: &'static str) -> Stage {
    Stage { number, name }
}

const ZURICH: &[Stage] = &[
    stage(1, "No activity"),
    stage(2, "Light aerobic exercise"),
    stage(3, "Sport-specific exercise"),
    stage(4, "Non-contact training drills"),
    stage(5, "Full-contact practice"),
    stage(6, "Return to play"),
];
const BERLIN: &[Stage] = &[
    stage(1, "Symptom-limited activity"),
    stage(2, "Light aerobic exercise"),
    stage(3, "Sport-specific exercise"),
    stage(4, "Non-contact training drills"),
    stage(5, "Full-contact practice"),
    stage(6, "Return to sport"),
];
const AMSTERDAM: &[Stage] = &[
    stage(1, "Symptom-limited activity"),
    stage(2, "Aerobic exercise, light and then moderate"),
    stage(3, "Individual sport-specific exercise"),
    stage(4, "Non-contact training drills"),
    stage(5, "Full-contact practice"),
    stage(6, "Return to sport"),
];

impl Protocol {
    /// All generations, oldest first.
    pub const ALL: [Self; 3] = [Self::Zurich2012, Self::Berlin2016, Self::Amsterdam2022];

    /// The shortest stay in a stage in hours, the same in all three.
    pub const HOURS_PER_STAGE: i64 = 24;

    /// The name that records and answers have.
    pub fn code(self) -> &'static str {
        match self {
            Self::Zurich2012 => "zurich_2012",
            Self::Berlin2016 => "berlin_2016",
            Self::Amsterdam2022 => "amsterdam_2022",
        }
    }

    /// The protocol of this code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.code() == code)
    }

    /// The steps in order, numbered from 1 without gaps.
    pub fn stages(self) -> &'static [Stage] {
        match self {
            Self::Zurich2012 => ZURICH,
            Self::Berlin2016 => BERLIN,
            Self::Amsterdam2022 => AMSTERDAM,
        }
    }

    /// The step of this number.
    pub fn stage(self, number: u8) -> Option<Stage> {
        self.stages().iter().copied().find(|stage| stage.number == number)
    }

    /// The number of the last step.
    pub fn last(self) -> u8 {
        self.stages().last().map_or(1, |stage| stage.number)
    }

    /// The first step that nobody enters without a clearance: contact in Zurich and Berlin, all training
    /// with the team in Amsterdam.
    pub fn clearance_before(self) -> u8 {
        match self {
            Self::Zurich2012 | Self::Berlin2016 => 5,
            Self::Amsterdam2022 => 4,
        }
    }

    /// The first step in which somebody may be cleared: the one before.
    pub fn clearance_from(self) -> u8 {
        self.clearance_before() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_numbers_its_steps_from_one_without_gaps() {
        for protocol in Protocol::ALL {
            let numbers: Vec<_> = protocol.stages().iter().map(|stage| stage.number).collect();
            assert_eq!(numbers, (1..=protocol.last()).collect::<Vec<_>>());
            assert_eq!(protocol.stage(0), None);
            assert_eq!(protocol.stage(protocol.last() + 1), None);
        }
    }

    #[test]
    fn a_code_names_one_protocol_and_back() {
        for protocol in Protocol::ALL {
            assert_eq!(Protocol::of_code(protocol.code()), Some(protocol));
        }
        assert_eq!(Protocol::of_code("dublin_2001"), None);
    }

    #[test]
    fn the_first_step_of_zurich_is_not_the_first_of_berlin() {
        assert_ne!(Protocol::Zurich2012.stage(1), Protocol::Berlin2016.stage(1));
    }
}
