//! Statements on return to play.

kernel::return_to_play_statements!("programs.return_to_play", "incident_id");
