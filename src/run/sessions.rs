//! Folders of sessions and maps that belong to the user.

use std::path::{Path, PathBuf};

use crate::config::RunConfig;
use crate::files::user_data;
use crate::mdp::{ActionKind, WorldOptions};
use crate::worlds::WorldChoice;

/// Folder of sessions without `--out`.
fn kept() -> Option<PathBuf> {
    user_data().map(|data| data.join("sessions"))
}

/// The name of `env` in those of folders: `gym-ALE-Pong-v5` of `gym:ALE/Pong-v5`.
fn folder_name(env: &str) -> String {
    env.replace(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)), "-")
}

/// Folder of maps drawn in the world `env`.
pub fn maps(env: &str) -> Option<PathBuf> {
    user_data().map(|data| data.join("levels").join(env))
}

/// Folders of all saved sessions of `env`, oldest first.
pub fn of(env: &str) -> Vec<PathBuf> {
    let all = kept().and_then(|folder| std::fs::read_dir(folder).ok());
    // puck-2v2 is not a session of puck.
    let env = &folder_name(env);
    let own = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let number = name.strip_prefix(env.as_str()).and_then(|rest| rest.strip_prefix('-'));
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut old: Vec<PathBuf> =
        all.into_iter().flatten().flatten().map(|entry| entry.path()).filter(own).collect();
    old.sort();
    old
}

/// Those of [`of`] in which the players have the same kind of actions as with `options`: scores and returns of the other
/// kind do not compare.
pub fn alike(env: &str, options: &WorldOptions) -> Vec<PathBuf> {
    let usual = match WorldChoice::new(env, None) {
        Ok(world) if world.spec().action.is_continuous() => ActionKind::Continuous,
        _ => ActionKind::Discrete,
    };
    let wanted = options.actions.unwrap_or(usual);
    of(env).into_iter().filter(|session| kind(session).unwrap_or(usual) == wanted).collect()
}

/// The kind of actions that the configuration of `session` names, if it does.
fn kind(session: &Path) -> Option<ActionKind> {
    RunConfig::written(&session.join("config.toml")).ok()?.world.actions
}

/// A new folder for a session without `--out`: `<env>-<seconds>` in the folder of sessions. Old ones are
/// never deleted automatically. `None` if the system has no folder for user data.
pub fn new_folder(env: &str) -> Option<PathBuf> {
    let (kept, env) = (kept()?, folder_name(env));
    std::fs::create_dir_all(&kept).ok()?;
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
    // Two windows opened within the same second must not share a folder.
    (0..10)
        .map(|again| kept.join(format!("{env}-{seconds}{again}")))
        .find(|folder| std::fs::create_dir(folder).is_ok())
}
