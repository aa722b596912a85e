//! Analytics: read as a role that sees no person, released only when it is far enough from everything
//! that was released before.

use std::collections::BTreeSet;

use jiff::civil::Date;
use policy::deidentification::{Overlap, Threshold, may_answer};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Answer, Authorized, Deidentifies, Permission, Released};
use crate::{
    db::{Bound, DbError, Done, Row, Scope, Transaction},
    http::Problem,
    row, statements,
};

row! {
    /// Something released before; its answer where the question is the same.
    pub struct EarlierRow {
        members: Vec<String>,
        same_question: bool,
        answer: Option<Value>,
    }
}

statements! {
    /// A release at a time; its own statement, so that the next one sees what the last holder wrote.
    fn lock_releases() -> Done = "select kernel.lock_releases() as done";

    /// The newest first. Two sets that differ by few are of nearly one size; the others cannot matter.
    fn list_releases(question: String, least: i64, most: i64) -> EarlierRow
        = "select members, question = $1 as same_question, case when question = $1 then answer end as answer
             from kernel.release
            where tenant_id = kernel.tenant() and cardinality(members)::bigint between $2 and $3
            order by id desc";

    fn insert_release(id: Uuid, question: String, members: Vec<String>, members_hash: Vec<u8>, answer: Value)
        -> Done
        = "insert into kernel.release (tenant_id, id, question, members, members_hash, answer)
           values (kernel.tenant(), $1, $2, $3, $4, $5) returning true as done";
}

impl<P: Permission<Effect = Deidentifies>> Authorized<P> {
    /// Reads views of the schema `deid`, in one flush, as the role that may read nothing else. Whom an
    /// answer is of and the answer itself belong into one statement: between two, somebody may join.
    /// Ages are those of `today`, the day where the organisation is.
    ///
    /// # Errors
    /// What [`Problem`] says of the database's failure.
    pub async fn aggregate<R: Row>(
        &self,
        today: Date,
        statement: Bound<R>,
    ) -> Result<Vec<R>, Problem> {
        let setting = self.core().codes.setting(today);
        self.flush_in(Scope::Deidentified(&setting), &statement).await
    }

    /// Answers a question about `members` (their codes) and remembers it, unless it stands too close to
    /// what was released before. `question` names what is asked and of which selection, not the day: the
    /// same question about nearly the same people is given its earlier answer again, which should say of
    /// when it is. Nobody at all is always answered.
    ///
    /// # Errors
    /// 409 `selection_too_close`: the members are too few, or too close to those of another question.
    pub async fn release<V: Serialize>(
        &self,
        question: String,
        members: BTreeSet<String>,
        threshold: Threshold,
        answer: V,
    ) -> Result<Released<V>, Problem> {
        let answer = serde_json::to_value(answer).map_err(Problem::internal)?;
        if members.is_empty() {
            return released(answer);
        }
        let context = self.context(Scope::Own);
        let failed = |error: DbError| self.problem(error);
        let begun = Transaction::begin(&self.core().db, &context, &[&lock_releases()]).await;
        let (mut transaction, _) = begun.map_err(failed)?;
        let (least, most) = sizes_that_matter(members.len(), threshold);
        let earlier = list_releases(question.clone(), least, most);
        let earlier = transaction.run(&earlier).await.map_err(failed)?;
        // Nothing was written in the first three cases: dropped, the transaction rolls back.
        match decide(&members, earlier, threshold) {
            Verdict::Anew => released(answer),
            Verdict::Again(earlier) => released(earlier),
            Verdict::TooClose => Err(too_close().refusing(P::NAME)),
            Verdict::Release => {
                let hash = hash_of(&members);
                let members = members.into_iter().collect();
                let insert = insert_release(self.new_id(), question, members, hash, answer.clone());
                transaction.commit(&[&insert]).await.map_err(failed)?;
                released(answer)
            }
        }
    }
}

fn released<V>(answer: Value) -> Result<Released<V>, Problem> {
    Ok(Released::new(Answer::ok(answer).encode()?))
}

fn too_close() -> Problem {
    let detail = "these are too few people, or nearly those of another answer, and the two together \
                  would tell of a few: choose a wider selection";
    Problem::conflict("selection_too_close", detail)
}

/// What to do with a question.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// Answer and remember.
    Release,
    /// The same people as before: answer, there is nothing to remember.
    Anew,
    /// Answer what was answered before.
    Again(Value),
    TooClose,
}

fn decide(members: &BTreeSet<String>, earlier: Vec<EarlierRow>, threshold: Threshold) -> Verdict {
    let mut answered = Vec::with_capacity(earlier.len());
    let (mut same, mut close) = (None, None);
    for row in earlier {
        let others: BTreeSet<String> = row.members.into_iter().collect();
        if row.same_question && others == *members {
            same = same.or(row.answer);
        } else if row.same_question && Overlap::between(members, &others).singles_out(threshold) {
            close = close.or(row.answer);
        }
        answered.push(others);
    }
    // An organization may have raised its threshold since: then only the old answer is had again.
    let few = threshold.hides(u64::try_from(members.len()).unwrap_or(u64::MAX));
    match (same, close) {
        (Some(_), _) if !few => Verdict::Anew,
        (Some(answer), _) | (None, Some(answer)) => Verdict::Again(answer),
        (None, None) if may_answer(members, &answered, threshold).is_ok() => Verdict::Release,
        (None, None) => Verdict::TooClose,
    }
}

/// Sets whose sizes differ by the threshold or more differ by as many people.
fn sizes_that_matter(size: usize, threshold: Threshold) -> (i64, i64) {
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    let near = i64::from(threshold.get()) - 1;
    (size.saturating_sub(near), size.saturating_add(near))
}

/// Codes have one length, and each ends where the next begins.
fn hash_of(members: &BTreeSet<String>) -> Vec<u8> {
    let add = |hash: Sha256, code: &String| hash.chain_update(code).chain_update([0]);
    members.iter().fold(Sha256::new(), add).finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(ids: std::ops::Range<u32>) -> BTreeSet<String> {
        ids.map(|id| format!("{id:032}")).collect()
    }

    fn earlier(same_question: bool, ids: std::ops::Range<u32>, answer: &str) -> EarlierRow {
        let answer = same_question.then(|| Value::from(answer));
        EarlierRow { members: people(ids).into_iter().collect(), same_question, answer }
    }

    fn ask(ids: std::ops::Range<u32>, before: Vec<EarlierRow>) -> Verdict {
        decide(&people(ids), before, Threshold::default())
    }

    #[test]
    fn what_is_far_from_everything_is_released() {
        assert_eq!(ask(0..11, vec![]), Verdict::Release);
        assert_eq!(ask(0..30, vec![earlier(true, 0..19, "a")]), Verdict::Release);
        assert_eq!(
            ask(0..30, vec![earlier(false, 0..30, "a")]),
            Verdict::Release,
            "the same people"
        );
    }

    #[test]
    fn too_few_people_or_too_close_to_another_question_is_refused() {
        assert_eq!(ask(0..10, vec![]), Verdict::TooClose);
        assert_eq!(ask(0..30, vec![earlier(false, 0..29, "a")]), Verdict::TooClose);
        assert_eq!(ask(1..31, vec![earlier(false, 0..30, "a")]), Verdict::TooClose);
    }

    #[test]
    fn the_same_question_is_answered_anew_for_the_same_people_and_again_for_nearly_the_same() {
        let again = |answer: &str| Verdict::Again(answer.into());
        assert_eq!(ask(0..30, vec![earlier(true, 0..30, "a")]), Verdict::Anew);
        assert_eq!(ask(0..31, vec![earlier(true, 0..30, "a")]), again("a"));
        assert_eq!(ask(0..10, vec![earlier(true, 0..11, "a")]), again("a"), "one has left");
        let newest_first = vec![earlier(true, 0..35, "b"), earlier(true, 0..29, "a")];
        assert_eq!(ask(0..31, newest_first), again("b"));
        let both = vec![earlier(false, 0..32, "x"), earlier(true, 0..30, "a")];
        assert_eq!(ask(0..31, both), again("a"), "what was answered already tells nothing new");
    }

    #[test]
    fn a_threshold_that_was_raised_leaves_the_old_answer_and_no_new_one() {
        assert_eq!(ask(0..7, vec![earlier(true, 0..7, "a")]), Verdict::Again("a".into()));
    }

    #[test]
    fn no_set_outside_the_sizes_could_be_too_close() {
        let (least, most) = sizes_that_matter(30, Threshold::default());
        assert_eq!((least, most), (20, 40));
        assert_eq!(ask(0..30, vec![earlier(false, 0..19, "a")]), Verdict::Release);
        assert_eq!(ask(0..30, vec![earlier(false, 0..20, "a")]), Verdict::TooClose);
    }

    #[test]
    fn the_hash_is_of_the_set() {
        assert_eq!(hash_of(&people(0..30)), hash_of(&people(0..30)));
        assert_ne!(hash_of(&people(0..30)), hash_of(&people(0..31)));
    }
}
