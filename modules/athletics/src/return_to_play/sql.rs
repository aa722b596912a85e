//! Statements on return to play.

kernel::return_to_play_statements!("athletics.return_to_play", "case_id");
