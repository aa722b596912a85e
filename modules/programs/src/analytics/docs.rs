//! What the OpenAPI document says of analytics.

use kernel::http::Docs;

pub(super) const PARTICIPATION: Docs = Docs::new(
    "analytics",
    "Who takes part, de-identified",
    "A code for each participant with sessions in the months asked for, and how many there are in each age \
     band. Numbers below the organisation's threshold (11 unless set) are null and `suppressed`, and further \
     ones with them, so that none can be worked out. A selection that differs by only a few people from \
     another that was released is refused.",
);

pub(super) const ATTENDANCE: Docs = Docs::new(
    "analytics",
    "How regularly, de-identified",
    "Participants by the share of their sessions that they attended, and by age band; suppressed as in \
     participation.",
);

pub(super) const OUTCOMES: Docs = Docs::new(
    "analytics",
    "How far with their goals, de-identified",
    "Participants who have goals, by the best state of these, and by age band; suppressed as in \
     participation.",
);
