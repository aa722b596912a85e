//! How a document becomes passages. Pure.

use kernel::http::{Fields, Problem, Purpose, text};
use serde::Serialize;
use serde_json::{Value, json};

use super::http::DocumentBody;

/// The most characters of a document, and the most passages it may come to.
const LONGEST: usize = 200_000;
const MOST_PASSAGES: usize = 2000;
/// The most of one passage. The characters are for text without blanks.
const WORDS: usize = 150;
const CHARACTERS: usize = 4000;
/// A line that begins with `#` and is longer than this is text.
const HEADING: usize = 200;

/// The most words that a search may exclude.
const EXCLUSIONS: usize = 16;

/// A document, checked and cut.
pub struct Document {
    pub title: String,
    pub citation: String,
    /// An array of passages, in order.
    pub passages: Value,
}

/// A place of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Passage {
    pub ordinal: usize,
    pub heading: String,
    pub body: String,
}

/// Whether a search excludes more words than PostgreSQL's parser of queries can hold: it keeps 32 signs that
/// wait for their words, and fails at the next. A hyphen within a word is none.
pub fn excludes_too_much(words: &str) -> bool {
    let before = std::iter::once(' ').chain(words.chars());
    let signs = before
        .zip(words.chars())
        .filter(|(before, c)| *c == '-' && !before.is_ascii_alphanumeric());
    signs.count() > EXCLUSIONS
}

/// Checks a document and cuts it.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(body: DocumentBody) -> Result<Document, Problem> {
    let (mut title, mut citation, mut passages) = (String::new(), String::new(), vec![]);
    let mut fields = Fields::new(Purpose::Create);
    fields.required("title", "title", body.title, |given| {
        text(300)(given).inspect(|text| title.clone_from(text))
    });
    fields.required("citation", "citation", body.citation, |given| {
        text(500)(given).inspect(|text| citation.clone_from(text))
    });
    fields.required("text", "text", body.text, |given| {
        passages = cut(&text(LONGEST)(given)?);
        match passages.len() {
            0 => Err(("length", "give some text".into())),
            1..=MOST_PASSAGES => Ok(Value::Null),
            _ => Err(("length", "cut this text into several documents".into())),
        }
    });
    fields.finish()?;
    Ok(Document { title, citation, passages: json!(passages) })
}

/// Cuts a text into passages at the borders of paragraphs, which blank lines and headings are.
pub fn cut(text: &str) -> Vec<Passage> {
    let mut cutter = Cutter::default();
    let mut paragraph: Vec<&str> = vec![];
    for line in text.lines().map(str::trim) {
        let heading = line.strip_prefix('#').map(|rest| rest.trim_start_matches('#').trim());
        match heading {
            Some(heading) if heading.chars().count() <= HEADING => {
                cutter.paragraph(&std::mem::take(&mut paragraph).join(" "));
                cutter.heading(heading);
            }
            _ if line.is_empty() => cutter.paragraph(&std::mem::take(&mut paragraph).join(" ")),
            _ => paragraph.push(line),
        }
    }
    cutter.paragraph(&paragraph.join(" "));
    cutter.finish()
}

/// Collects paragraphs until a passage is full.
#[derive(Default)]
struct Cutter {
    heading: String,
    /// Nothing has been said under the heading yet.
    bare: bool,
    body: Vec<String>,
    words: usize,
    characters: usize,
    done: Vec<Passage>,
}

impl Cutter {
    fn heading(&mut self, line: &str) {
        self.close();
        // A chapter and its first section stand one below the other: both are the heading.
        let joined = format!("{}: {line}", self.heading);
        match self.bare {
            true if joined.chars().count() <= HEADING => self.heading = joined,
            true => {
                self.keep(String::new());
                line.clone_into(&mut self.heading);
            }
            false => line.clone_into(&mut self.heading),
        }
        self.bare = !self.heading.is_empty();
    }

    fn paragraph(&mut self, text: &str) {
        for piece in pieces(text) {
            let (words, characters) = (piece.split_whitespace().count(), piece.chars().count());
            if self.words + words > WORDS || self.characters + characters > CHARACTERS {
                self.close();
            }
            self.words += words;
            self.characters += characters;
            self.body.push(piece);
            self.bare = false;
        }
    }

    fn close(&mut self) {
        if !self.body.is_empty() {
            let body = std::mem::take(&mut self.body).join("\n\n");
            self.keep(body);
        }
        (self.words, self.characters) = (0, 0);
    }

    fn keep(&mut self, body: String) {
        let ordinal = self.done.len() + 1;
        self.done.push(Passage { ordinal, heading: self.heading.clone(), body });
    }

    /// A heading with nothing below it is kept too: it has words.
    fn finish(mut self) -> Vec<Passage> {
        self.close();
        if self.bare {
            self.keep(String::new());
        }
        self.done
    }
}

/// A paragraph in pieces that each fit into a passage: after the last sentence that ends in time, or
/// after the last word.
fn pieces(paragraph: &str) -> Vec<String> {
    let mut pieces = vec![];
    let mut piece: Vec<String> = vec![];
    let mut characters = 0;
    for word in paragraph.split_whitespace().flat_map(chopped) {
        let length = word.chars().count() + 1;
        if piece.len() >= WORDS || characters + length > CHARACTERS {
            let ends = |word: &String| word.ends_with(['.', '!', '?']);
            let whole = piece.iter().rposition(ends).map_or(piece.len(), |last| last + 1);
            let rest = piece.split_off(whole);
            pieces.push(std::mem::replace(&mut piece, rest).join(" "));
            characters = piece.iter().map(|word| word.chars().count() + 1).sum();
        }
        characters += length;
        piece.push(word);
    }
    if !piece.is_empty() {
        pieces.push(piece.join(" "));
    }
    pieces
}

/// A word, or what is taken for one in text without blanks, in parts that are not endless.
fn chopped(word: &str) -> Vec<String> {
    let characters: Vec<char> = word.chars().collect();
    characters.chunks(CHARACTERS / 4).map(|part| part.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Vec<(String, String)> {
        cut(text).into_iter().map(|passage| (passage.heading, passage.body)).collect()
    }

    fn pair(heading: &str, body: &str) -> (String, String) {
        (heading.into(), body.into())
    }

    #[test]
    fn sixteen_words_may_be_excluded_and_hyphens_within_words_do_not_count() {
        assert!(!excludes_too_much(&"-a ".repeat(16)));
        assert!(excludes_too_much(&"-a ".repeat(17)));
        assert!(excludes_too_much(&"-".repeat(17)));
        assert!(!excludes_too_much(&"well-being ".repeat(50)));
    }

    #[test]
    fn short_paragraphs_share_a_passage_and_a_heading_begins_one() {
        let text = "Before.\n\n# One\nfirst\nline\n\nsecond\n## Two\nthird";
        let wanted =
            [pair("", "Before."), pair("One", "first line\n\nsecond"), pair("Two", "third")];
        assert_eq!(shape(text), wanted);
    }

    #[test]
    fn headings_one_below_the_other_are_one_and_the_last_is_not_lost() {
        assert_eq!(shape("# A\n\n## B\ntext"), [pair("A: B", "text")]);
        assert_eq!(shape("text\n# End"), [pair("", "text"), pair("End", "")]);
        assert!(shape(" \n\n#\n").is_empty());
    }

    #[test]
    fn a_passage_ends_at_the_border_of_a_paragraph() {
        let paragraph = |count: usize| vec!["word"; count].join(" ");
        let text = [paragraph(100), paragraph(50), paragraph(1)].join("\n\n");
        let counts: Vec<_> = cut(&text).iter().map(|p| p.body.split_whitespace().count()).collect();
        assert_eq!(counts, [150, 1]);
        assert_eq!(cut(&text).iter().map(|p| p.ordinal).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_long_paragraph_is_cut_after_a_sentence() {
        let text = format!("{} end. {}", vec!["a"; 99].join(" "), vec!["b"; 120].join(" "));
        let passages = cut(&text);
        assert_eq!(passages.len(), 2);
        assert!(passages[0].body.ends_with("end."));
        assert!(passages[1].body.starts_with('b'));
    }

    #[test]
    fn every_fault_is_named_and_none_repeats_a_value() {
        let parsed = |body: Value| {
            parse(kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits"))
        };
        let problem = parsed(json!({"title": "CANARY\u{1}", "text": "#"})).err().expect("faults");
        let named: Vec<_> = problem.errors.iter().map(|e| e.loc[1].as_str()).collect();
        assert_eq!(named, ["title", "citation", "text"]);
        assert!(!format!("{problem:?}").contains("CANARY"));
        let many = "# a\nb\n".repeat(MOST_PASSAGES + 1);
        assert!(parsed(json!({"title": "t", "citation": "c", "text": many})).is_err());
    }

    #[test]
    fn no_word_is_lost_and_no_passage_is_too_long() {
        let parts = ["# ab\n", "cd. ", "ef\n", "\n\n", "gh ", "## \n", "ij! kl\n", "mnopq"];
        for (seed, length) in (1u64..200).map(|seed| (seed, seed * 7 % 900)) {
            let mut state = seed;
            let mut text = String::new();
            for _ in 0..length {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.push_str(parts[usize::try_from(state >> 61).expect("three bits")]);
            }
            let letters = |text: &str| text.chars().filter(char::is_ascii_lowercase).count();
            let passages = cut(&text);
            for passage in &passages {
                assert!(passage.body.split_whitespace().count() <= WORDS);
                assert!(passage.body.chars().count() <= CHARACTERS + 2 * WORDS);
            }
            let bodies: usize = passages.iter().map(|p| letters(&p.body)).sum();
            let lines = text.lines().map(str::trim);
            let above: usize = lines.filter(|line| line.starts_with('#')).map(letters).sum();
            assert_eq!(bodies, letters(&text) - above, "seed {seed}");
        }
    }

    #[test]
    fn text_without_blanks_is_cut_all_the_same() {
        let passages = cut(&"x".repeat(10_000));
        assert!(passages.len() > 2);
        assert!(passages.iter().all(|p| p.body.chars().count() <= CHARACTERS));
    }
}
