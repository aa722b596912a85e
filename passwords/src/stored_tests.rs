use super::*;

const PASSWORD: &str = "Grüße aus dem Wald";
const SALT: &str = "c2l4dGVlbiBieXRlIHNhbA";
const OUTPUT: &str = "G+ic8m8ejlsowRcmP1gnyhwTiBCEVqYn29W2icfo5uU";

/// Made with Python's hashlib, argon2-cffi and bcrypt; one has nothing but another prefix.
const OF_OTHER_PROGRAMS: [&str; 9] = [
    "$pbkdf2-sha256$i=600000,l=32$c2l4dGVlbiBieXRlIHNhbA$sTy6Ckdcabplrn1QWw9eDMFxFeFRDYe/He4vtih94zs",
    "$pbkdf2-sha256$i=1000$c2l4dGVlbiBieXRlIHNhbA$G+ic8m8ejlsowRcmP1gnyhwTiBCEVqYn29W2icfo5uU",
    "$pbkdf2-sha256$i=1000,l=32$c2l4dGVlbiBieXRlIHNhbA$G+ic8m8ejlsowRcmP1gnyhwTiBCEVqYn29W2icfo5uU",
    "$pbkdf2-sha256$i=1000,l=64$c2l4dGVlbiBieXRlIHNhbA$G+ic8m8ejlsowRcmP1gnyhwTiBCEVqYn29W2icfo5uXZr9ltzFib5z8UW6Pz/PVa38mupJLwxzfP1kaRzg5tog",
    "$argon2id$v=19$m=19456,t=2,p=1$c2l4dGVlbiBieXRlIHNhbA$M8K9Z3I+vKudLAjbmXXpsKjf/PHv1WiRzOmSiahSZGU",
    "$argon2id$v=19$m=1024,t=1,p=2$c2l4dGVlbiBieXRlIHNhbA$b5m8V1ZtmDbOUKKpFF1BmvhncFyMl3Wtv3aiP5q+IWY",
    "$2a$04$NK.i8SfklScursQcj0wsSODfxuTOZH9r9YSemoltIhR776OJg/mCu",
    "$2b$04$rgOPM5FFpDpBIaFk6xD8husrMtAEXk.g/dJaLVIUMOb9zanAnUibe",
    "$2y$04$rgOPM5FFpDpBIaFk6xD8husrMtAEXk.g/dJaLVIUMOb9zanAnUibe",
];

fn is_of(text: &str, password: &str) -> Result<bool, Unreadable> {
    Stored::read(text)?.is_of(password)
}

#[test]
fn hashes_of_other_programs_are_verified() {
    for text in OF_OTHER_PROGRAMS {
        assert_eq!(is_of(text, PASSWORD), Ok(true), "{text}");
        assert_eq!(is_of(text, "Grüße aus dem Wale"), Ok(false), "{text}");
    }
}

#[test]
fn two_passwords_alike_in_72_bytes_are_not_one_for_bcrypt() {
    // bcrypt's own answer is yes for everything that begins with these 72 bytes.
    let text = "$2b$04$oWGE0aeh80cjCPp0A.78IeWGQYoZRZn8uMD.FZDO1xfTe/IUP4Pna";
    let right = "a".repeat(72);
    assert_eq!(is_of(text, &right), Ok(true));
    assert!(bcrypt::verify(format!("{right}b"), text).expect("readable"));
    for longer in [format!("{right}a"), format!("{right}b"), format!("{right}ñ and more")] {
        assert_eq!(is_of(text, &longer), Ok(false), "{longer}");
    }
    assert_eq!(is_of(text, &"a".repeat(71)), Ok(false));
}

#[test]
fn families_that_are_not_known_are_refused() {
    for text in [
        "",
        "password",
        "$",
        "$1$salt$UsuSMKrxjLCtpZCGqpyhh1",
        "$2x$04$rgOPM5FFpDpBIaFk6xD8husrMtAEXk.g/dJaLVIUMOb9zanAnUibe",
        "$argon2i$v=19$m=1024,t=1,p=1$c2l4dGVlbiBieXRlIHNhbA$EqYUh8Z47zaI45122wN+YjM9ANjqe0r1SXtKzzE9zGU",
        "$pbkdf2-sha512$i=1000$c2l4dGVlbiBieXRlIHNhbA$G+ic8m8ejlsowRcmP1gnyhwTiBCEVqYn29W2icfo5uU",
        "pbkdf2_sha256$1000$salt$hash",
    ] {
        assert_eq!(Stored::read(text).err(), Some(Unreadable::UnknownFamily), "{text}");
    }
}

#[test]
fn parameters_beyond_the_bounds_are_refused_before_any_work() {
    for text in [
        format!("$pbkdf2-sha256$i=5000001${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256$i=4294967295${SALT}${OUTPUT}"),
        format!("$argon2id$v=19$m=262145,t=1,p=1${SALT}${OUTPUT}"),
        format!("$argon2id$v=19$m=1024,t=11,p=1${SALT}${OUTPUT}"),
        format!("$argon2id$v=19$m=1024,t=1,p=17${SALT}${OUTPUT}"),
        "$2b$17$rgOPM5FFpDpBIaFk6xD8husrMtAEXk.g/dJaLVIUMOb9zanAnUibe".to_owned(),
        "$2b$31$rgOPM5FFpDpBIaFk6xD8husrMtAEXk.g/dJaLVIUMOb9zanAnUibe".to_owned(),
    ] {
        assert_eq!(Stored::read(&text).err(), Some(Unreadable::TooCostly), "{text}");
    }
    for text in [
        format!("$pbkdf2-sha256$i=5000000${SALT}${OUTPUT}"),
        format!("$argon2id$v=19$m=262144,t=10,p=16${SALT}${OUTPUT}"),
        "$2b$16$rgOPM5FFpDpBIaFk6xD8husrMtAEXk.g/dJaLVIUMOb9zanAnUibe".to_owned(),
    ] {
        assert!(Stored::read(&text).is_ok(), "{text}");
    }
}

#[test]
fn broken_hashes_are_refused() {
    for text in [
        "$pbkdf2-sha256".to_owned(),
        format!("$pbkdf2-sha256$i=1000${SALT}"),
        format!("$pbkdf2-sha256$i=0${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256$i=99999999999${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256$i=1000,l=64${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256$i=1000,x=1${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256$i=1000${SALT}$"),
        format!("$pbkdf2-sha256$i=1000${SALT}${}", "A".repeat(10_000)),
        format!("$argon2id$v=19$m=1024,t=1${SALT}${OUTPUT}"),
        format!("$argon2id$v=20$m=1024,t=1,p=1${SALT}${OUTPUT}"),
        format!("$argon2id$v=19$m=1024,t=0,p=1${SALT}${OUTPUT}"),
        format!("$argon2id$v=19$m=7,t=1,p=1${SALT}${OUTPUT}"),
        "$2b$04$short".to_owned(),
        format!("$2b$04${}", "ñ".repeat(40)),
        format!("$2b$xx${}", "a".repeat(53)),
    ] {
        assert_eq!(Stored::read(&text).err(), Some(Unreadable::Malformed), "{text}");
    }
}
