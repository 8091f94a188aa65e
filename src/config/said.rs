//! A config as it was said: the file's text with the environment laid over it, before anything is made of it.
//!
//! Owns reading the file and telling where a key was said. Does not know which keys there are.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::problem::{ConfigError, Problem};
use super::tree::Node;
use super::{de, env, tree};

/// The first 128 bits of the text's SHA-256, in hexadecimal: as `sha256sum` begins.
fn version(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest[..16].iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// What file and environment said.
#[derive(Debug)]
pub(super) struct Said {
    file: PathBuf,
    /// The hash of the file's text.
    pub(super) version: String,
    tree: Node,
}

impl Said {
    /// Reads the file and lays the overrides among `vars` over it.
    ///
    /// # Errors
    /// If the file cannot be read or is not TOML, or an override's name leads nowhere.
    pub(super) fn load(
        file: &Path,
        vars: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            let message = format!("cannot be read: {error}");
            let problems = vec![Problem { origin: None, key: String::new(), message }];
            ConfigError { file: file.to_owned(), problems, complete: true }
        })?;
        Self::parse(file, &text, vars)
    }

    /// As [`Said::load`], with the file's text given; `file` only names it.
    pub(super) fn parse(
        file: &Path,
        text: &str,
        vars: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let refuse = |problems| Err(ConfigError { file: file.to_owned(), problems, complete: false });
        let mut tree = match tree::parse(text) {
            Ok(tree) => tree,
            Err(problem) => return refuse(vec![problem]),
        };
        let problems = env::overlay(&mut tree, vars);
        if !problems.is_empty() {
            return refuse(problems);
        }
        Ok(Self { file: file.to_owned(), version: version(text), tree })
    }

    /// Takes what was said into the form it should have, and the problems of keys that are unknown and were passed
    /// over.
    ///
    /// # Errors
    /// Those, and the first missing key or wrong type, behind which the rest is not checked.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<(T, Vec<Problem>), ConfigError> {
        let refuse = |problems| ConfigError { file: self.file.clone(), problems, complete: false };
        de::read(self.tree.clone()).map_err(refuse)
    }

    /// One line for each of `found`, with its place.
    pub(super) fn warnings(&self, found: Vec<(String, String)>) -> Vec<String> {
        self.located(found).map(|warning| warning.in_file(&self.file)).collect()
    }

    fn located(&self, found: Vec<(String, String)>) -> impl Iterator<Item = Problem> {
        found.into_iter().map(|(key, message)| {
            let origin = self.tree.locate(&key);
            Problem { origin, key, message }
        })
    }

    /// The error that tells of `problems`, and of `found` ones, each a key and what is wrong with it.
    pub(super) fn refuse(&self, mut problems: Vec<Problem>, found: Vec<(String, String)>) -> ConfigError {
        problems.extend(self.located(found));
        ConfigError { file: self.file.clone(), problems, complete: true }
    }
}
