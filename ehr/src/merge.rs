//! Our part of a resource put into theirs: what they keep beside it stays. Pure.

use serde_json::{Map, Value, json};

/// What of a resource type is ours to say.
pub struct Managed {
    /// Members that are taken from ours whole, and taken away where ours has none.
    pub whole: &'static [&'static str],
    /// Lists whose elements with these members are the same; what is the same keeps what they say beside ours.
    pub by: &'static [(&'static str, &'static [&'static str])],
}

impl Managed {
    /// `Patient`.
    pub const PATIENT: Self = Self {
        whole: &["active", "gender", "birthDate"],
        by: &[("telecom", &["system", "value"])],
    };
    /// `Appointment`.
    pub const APPOINTMENT: Self = Self {
        whole: &["status", "start", "end", "comment", "appointmentType", "serviceType"],
        by: &[],
    };
}

/// Theirs with our part in it. `namespace` is what the addresses of our extensions and systems begin with.
pub fn merge(theirs: &Value, ours: &Value, managed: &Managed, namespace: &str) -> Value {
    let (Some(theirs), Some(ours)) = (theirs.as_object(), ours.as_object()) else {
        return ours.clone();
    };
    let mut merged = theirs.clone();
    for name in managed.whole {
        put(&mut merged, name, ours.get(*name).cloned());
    }
    for (name, keys) in managed.by {
        let (old, new) = (list(theirs, name), list(ours, name));
        let same = |one: &Value| {
            old.iter().find(|other| keys.iter().all(|key| other.get(*key) == one.get(*key)))
        };
        let joined = new.iter().map(|one| same(one).unwrap_or(one).clone());
        put(&mut merged, name, Some(joined.collect()));
    }
    put(&mut merged, "extension", Some(extensions(theirs, ours, namespace)));
    put(&mut merged, "identifier", Some(identifiers(theirs, ours, namespace)));
    if ours.contains_key("name") {
        put(&mut merged, "name", Some(names(theirs, ours)));
    }
    if ours.contains_key("participant") {
        put(&mut merged, "participant", Some(participants(theirs, ours)));
    }
    put_tags(&mut merged, ours, namespace);
    Value::Object(merged)
}

/// FHIR's JSON has nothing that is empty.
fn put(into: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value.filter(|value| !value.is_null() && value != &json!([])) {
        Some(value) => into.insert(name.to_owned(), value),
        None => into.remove(name),
    };
}

fn list<'v>(of: &'v Map<String, Value>, name: &str) -> &'v [Value] {
    of.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text<'v>(of: &'v Value, name: &str) -> &'v str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn extensions(theirs: &Map<String, Value>, ours: &Map<String, Value>, namespace: &str) -> Value {
    let kept = list(theirs, "extension").iter();
    let kept = kept.filter(|one| !text(one, "url").starts_with(namespace));
    kept.chain(list(ours, "extension")).cloned().collect()
}

/// Theirs of systems that ours does not speak of; one that both have is as they have it.
fn identifiers(theirs: &Map<String, Value>, ours: &Map<String, Value>, namespace: &str) -> Value {
    let (old, new) = (list(theirs, "identifier"), list(ours, "identifier"));
    let named = |one: &&Value| {
        let system = text(one, "system");
        system.starts_with(namespace) || new.iter().any(|own| text(own, "system") == system)
    };
    let same = |own: &Value| {
        old.iter().find(|one| {
            text(one, "system") == text(own, "system")
                && text(one, "value") == text(own, "value")
                && one.get("type") == own.get("type")
        })
    };
    let kept = old.iter().filter(|one| !named(one));
    kept.chain(new.iter().map(|own| same(own).unwrap_or(own))).cloned().collect()
}

/// The official name is ours; maiden names, nicknames and the like are theirs.
fn names(theirs: &Map<String, Value>, ours: &Map<String, Value>) -> Value {
    let old = list(theirs, "name").iter();
    let other = |one: &&Value| !matches!(text(one, "use"), "" | "official" | "usual");
    list(ours, "name").iter().chain(old.filter(other)).cloned().collect()
}

/// The type of who takes part: what is said, or what is referred to.
fn actor_kind(participant: &Value) -> &str {
    let Some(actor) = participant.get("actor") else { return "" };
    match text(actor, "type") {
        "" => text(actor, "reference").rsplit('/').nth(1).unwrap_or_default(),
        kind => kind,
    }
}

/// Whoever is of a type that ours names is ours; where they are referred to there, they still are, unless ours says
/// that it is somebody else.
fn participants(theirs: &Map<String, Value>, ours: &Map<String, Value>) -> Value {
    let (old, new) = (list(theirs, "participant"), list(ours, "participant"));
    let identifier = |one: &Value| {
        one.pointer("/actor/identifier")
            .map(|id| (text(id, "system").to_owned(), text(id, "value").to_owned()))
    };
    let joined = new.iter().map(|own| {
        let same = old.iter().find(|one| {
            actor_kind(one) == actor_kind(own)
                && identifier(one).is_none_or(|id| Some(id) == identifier(own))
        });
        let mut joined = own.clone();
        let reference = same.and_then(|one| one.pointer("/actor/reference")).cloned();
        if let (Some(reference), Some(actor)) =
            (reference, joined.get_mut("actor").and_then(Value::as_object_mut))
        {
            actor.entry("reference").or_insert(reference);
        }
        joined
    });
    let kept = old.iter().filter(|one| new.iter().all(|own| actor_kind(own) != actor_kind(one)));
    joined.chain(kept.cloned()).collect()
}

/// Tags of ours beside theirs. The rest of `meta` is the server's.
fn put_tags(merged: &mut Map<String, Value>, ours: &Map<String, Value>, namespace: &str) {
    let tags = |meta: Option<&Value>| {
        let tags = meta.and_then(|meta| meta.get("tag")).and_then(Value::as_array);
        tags.cloned().unwrap_or_default()
    };
    let kept = tags(merged.get("meta")).into_iter();
    let kept = kept.filter(|tag| !text(tag, "system").starts_with(namespace));
    let all: Vec<Value> = kept.chain(tags(ours.get("meta"))).collect();
    if let Value::Object(meta) = merged.entry("meta").or_insert_with(|| json!({})) {
        put(meta, "tag", Some(all.into()));
    }
    if merged.get("meta") == Some(&json!({})) {
        merged.remove("meta");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patient() -> Value {
        json!({
            "resourceType": "Patient", "id": "ours", "active": true, "gender": "female",
            "meta": {"versionId": "7", "tag": [{"system": "urn:own:state", "code": "x"}]},
            "identifier": [{"system": "urn:registry", "value": "1"}, {"system": "urn:own:patient", "value": "u"}],
            "name": [{"use": "official", "family": "Rojas"}],
            "telecom": [{"system": "phone", "value": "+57300"}],
            "extension": [{"url": "urn:own:eps", "valueString": "EPS010"}],
        })
    }

    fn merged(theirs: &Value, ours: &Value) -> Value {
        merge(theirs, ours, &Managed::PATIENT, "urn:own:")
    }

    #[test]
    fn what_they_keep_beside_ours_stays() {
        let theirs = json!({
            "resourceType": "Patient", "id": "theirs", "birthDate": "1990-01-01", "photo": [{"url": "x"}],
            "meta": {"versionId": "2", "tag": [{"system": "urn:theirs", "code": "y"}]},
            "identifier": [{"system": "urn:mrn", "value": "m"}, {"system": "urn:registry", "value": "old"}],
            "name": [{"use": "nickname", "text": "Anita"}, {"family": "Roja"}],
            "telecom": [{"system": "phone", "value": "+57300", "use": "mobile"}, {"system": "phone", "value": "9"}],
            "extension": [{"url": "urn:theirs", "valueCode": "z"}, {"url": "urn:own:eps", "valueString": "old"}],
        });
        let expected = json!({
            "resourceType": "Patient", "id": "theirs", "active": true, "gender": "female", "photo": [{"url": "x"}],
            "meta": {"versionId": "2", "tag": [{"system": "urn:theirs", "code": "y"}, {"system": "urn:own:state", "code": "x"}]},
            "identifier": [{"system": "urn:mrn", "value": "m"}, {"system": "urn:registry", "value": "1"},
                           {"system": "urn:own:patient", "value": "u"}],
            "name": [{"use": "official", "family": "Rojas"}, {"use": "nickname", "text": "Anita"}],
            "telecom": [{"system": "phone", "value": "+57300", "use": "mobile"}],
            "extension": [{"url": "urn:theirs", "valueCode": "z"}, {"url": "urn:own:eps", "valueString": "EPS010"}],
        });
        assert_eq!(merged(&theirs, &patient()), expected);
        // Once more changes nothing: what is pushed twice has one effect.
        assert_eq!(merged(&expected, &patient()), expected);
    }

    #[test]
    fn who_takes_part_keeps_their_reference_unless_it_is_somebody_else() {
        let merge = |theirs: &Value, ours: &Value| {
            merge(theirs, ours, &Managed::APPOINTMENT, "urn:own:")["participant"].clone()
        };
        let actor = |kind: &str, value: &str| json!({"actor": {"type": kind, "identifier": {"system": "urn:registry", "value": value}}});
        let ours = json!({"participant": [actor("Patient", "1"), actor("Practitioner", "2")]});
        let mut known = actor("Practitioner", "3");
        known["actor"]["reference"] = json!("Practitioner/p3");
        let room = json!({"actor": {"reference": "Location/r1"}});
        let theirs = json!({"participant": [{"actor": {"reference": "Patient/p1"}}, known, room]});
        let mut expected = ours["participant"].clone();
        expected[0]["actor"]["reference"] = json!("Patient/p1");
        expected.as_array_mut().expect("a list").push(room);
        assert_eq!(merge(&theirs, &ours), expected);
    }
}
