//! Checks the module layers of ARCHITECTURE.md on every source file.

mod circles;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What each top-level module may use of the others.
fn allowed() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut allowed = BTreeMap::from([
        ("files", vec![]),
        ("protobuf", vec![]),
        ("metrics", vec!["protobuf"]),
        ("mdp", vec![]),
        ("replay", vec!["mdp"]),
        ("nn", vec!["mdp", "protobuf"]),
        ("algo", vec!["mdp", "metrics", "nn"]),
        ("learner", vec!["mdp", "metrics", "nn", "replay", "algo"]),
        ("link", vec!["mdp", "metrics", "learner", "algo"]),
        ("agent", vec!["mdp", "metrics", "learner", "link"]),
        // The crate of the network.
        ("net", vec!["mdp", "replay", "learner", "link", "algo"]),
        ("sim", vec!["mdp", "agent"]),
        ("view", vec!["mdp", "sim", "agent"]),
        ("bridge", vec!["mdp", "sim", "agent"]),
        ("worlds", vec!["mdp", "sim", "agent", "view", "bridge"]),
        // Overlays draw themselves and have keys.
        ("insight", vec!["mdp", "sim", "agent", "algo", "learner", "worlds", "view"]),
        // The panel is above the view: it takes space from it and shares its colors.
        (
            "panel",
            vec!["mdp", "metrics", "sim", "agent", "worlds", "insight", "learner", "algo", "config", "view"],
        ),
        ("dataset", vec!["mdp", "agent", "sim", "worlds", "learner"]),
        ("config", vec!["mdp", "nn", "learner", "algo", "worlds", "bridge"]),
        ("experiment", vec!["mdp", "learner", "agent", "config", "sim", "worlds", "bridge", "dataset"]),
        (
            "run",
            vec![
                "mdp",
                "metrics",
                "replay",
                "sim",
                "agent",
                "worlds",
                "insight",
                "learner",
                "link",
                "algo",
                "config",
                "experiment",
                "dataset",
            ],
        ),
        // Runs of several processes.
        (
            "distributed",
            vec![
                "mdp",
                "metrics",
                "sim",
                "agent",
                "worlds",
                "learner",
                "link",
                "algo",
                "config",
                "experiment",
                "run",
                "bridge",
                "panel",
            ],
        ),
        (
            "app",
            vec![
                "distributed",
                "mdp",
                "nn",
                "sim",
                "agent",
                "worlds",
                "insight",
                "learner",
                "algo",
                "config",
                "experiment",
                "run",
                "view",
                "panel",
                "bridge",
                "dataset",
            ],
        ),
        (
            "cli",
            vec![
                "distributed",
                "mdp",
                "agent",
                "worlds",
                "insight",
                "app",
                "config",
                "experiment",
                "learner",
                "sim",
                "run",
                "bridge",
                "dataset",
            ],
        ),
    ]);
    // Every layer may read a file.
    allowed.values_mut().for_each(|others| others.push("files"));
    allowed
}

/// Crates restricted to certain modules.
const OWNED: &[(&str, &[&str])] = &[
    ("arrow_ipc", &["dataset"]),
    (
        "bevy",
        &[
            "sim",
            "bridge",
            "dataset",
            "agent",
            "worlds",
            "insight",
            "view",
            "panel",
            "run",
            "app",
            "distributed",
        ],
    ),
    ("entropy_net", &["distributed"]),
    ("zenoh", &["net"]),
    ("bevy_rapier2d", &["sim", "worlds"]),
    ("burn", &["nn", "algo", "learner"]),
    ("bevy_egui", &["panel"]),
    ("egui_plot", &["panel"]),
    ("bevy_enhanced_input", &["view"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every source file of the arcade and of the crates below it, with the root folder of its module path.
fn all_sources() -> Vec<(PathBuf, PathBuf)> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = std::fs::read_dir(home.join("crates")).unwrap().flatten().map(|entry| entry.path());
    let roots: Vec<PathBuf> = crates.chain([home.to_owned()]).map(|folder| folder.join("src")).collect();
    let mut all = Vec::new();
    for root in roots {
        let mut files = Vec::new();
        sources(&root, &mut files);
        assert!(files.len() > 5, "the sources of {} were not found", root.display());
        all.extend(files.into_iter().map(|file| (root.clone(), file)));
    }
    all
}

/// Code without comments: documentation may point anywhere.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The part of a source file before its tests. Tests in a file of their own hide nothing, wherever they are declared.
fn without_tests(text: &str) -> &str {
    let begins = |(at, _): &(usize, &str)| {
        let declared = text[*at..].lines().nth(2).unwrap_or_default();
        declared.contains("mod ") && declared.contains('{')
    };
    let tests = text.match_indices("\n#[cfg(test)]\n").find(begins);
    &text[..tests.map_or(text.len(), |(at, _)| at)]
}

/// Names that follow `prefix` in `text` as a path, e.g. `sim` in `crate::sim::AgentSlots`.
fn names_after<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    text.match_indices(prefix)
        .filter(|(at, _)| !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
        .flat_map(|(at, _)| {
            let rest = &text[at + prefix.len()..];
            let group = rest.strip_prefix('{').map(|inner| &inner[..inner.find("};").unwrap_or(inner.len())]);
            let parts: Vec<&str> = match group {
                // Only names at the top of the group: `{a, b::{c, d}}` gives a and b.
                Some(inner) => {
                    let mut depth = 0;
                    inner
                        .split_inclusive([',', '{', '}'])
                        .filter(|part| {
                            let here = depth;
                            depth += part.ends_with('{') as i32 - part.ends_with('}') as i32;
                            here == 0
                        })
                        .collect()
                }
                None => vec![rest],
            };
            parts.into_iter().map(|part| {
                let part = part.trim_start();
                &part[..part.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(part.len())]
            })
        })
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn every_file_stays_in_its_layer() {
    let allowed = allowed();
    let mut faults = Vec::new();
    for (root, file) in all_sources() {
        let relative = file.strip_prefix(&root).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
        // The arcade sees the crates of the plugin and of the network as one module each.
        let module = match root.parent().and_then(Path::file_name).and_then(|name| name.to_str()) {
            Some("bevy_agents") => "agent",
            Some("net") => "net",
            _ => first.trim_end_matches(".rs"),
        };
        if module == "main" || module == "lib" {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let Some(may) = allowed.get(module) else {
            faults.push(format!("{}: module {module} has no place in the layers", relative.display()));
            continue;
        };
        assert!(text.starts_with("//!"), "{} does not say what it does", relative.display());
        // Tests may set up worlds to try a layer below them.
        let code = if relative.ends_with("tests.rs") { String::new() } else { code(without_tests(&text)) };
        for name in names_after(&code, "crate::").into_iter().chain(names_after(&code, "entropy_rl::")) {
            if name != module && allowed.contains_key(name) && !may.contains(&name) {
                faults.push(format!("{}: {module} uses {name}", relative.display()));
            }
        }
        for (dependency, owners) in OWNED {
            let used = !names_after(&code, &format!("{dependency}::")).is_empty()
                || code.contains(&format!("use {dependency};"));
            if used && !owners.contains(&module) {
                faults.push(format!("{}: {dependency} is not for {module}", relative.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Files outside an algorithm's folder that may name its types, and why; tests may as well.
const KNOW_ALGORITHMS: &[&str] = &[
    // The catalogue.
    "crates/rl/src/algo/config.rs",
    // Their tables.
    "src/config/file.rs",
    // What people can tune.
    "src/panel/tuning.rs",
    // What is measured is a gradient step.
    "src/app/bench.rs",
    "src/run/bench.rs",
];

/// Names of all algorithms: the folders of `algo`.
fn algorithms() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/rl/src/algo");
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// The algorithm of `all` that `code` of `file` knows but may not know.
fn known_algorithm<'a>(all: &'a [String], file: &str, code: &str) -> Option<&'a String> {
    let nn = file.starts_with("crates/rl/src/nn/");
    all.iter().filter(|name| !file.starts_with(&format!("crates/rl/src/algo/{name}/"))).find(|name| {
        // Whatever is in its folder is reached through a path with its name.
        code.match_indices(&format!("{name}::"))
            .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
            || nn && (code.contains("algo::") || code.to_lowercase().contains(&***name))
    })
}

#[test]
fn algorithms_stay_in_their_rooms() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = algorithms();
    assert!(all.iter().any(|name| name == "sac"), "{all:?}");
    let mut faults = Vec::new();
    for (_, file) in all_sources() {
        let name = file.strip_prefix(home).unwrap().to_str().unwrap().replace('\\', "/");
        if name.ends_with("tests.rs") || KNOW_ALGORITHMS.contains(&&*name) {
            continue;
        }
        let code = code(without_tests(&std::fs::read_to_string(&file).unwrap()));
        faults.extend(known_algorithm(&all, &name, &code).map(|found| format!("{name}: names {found}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let all = ["sac".to_owned(), "dqn".to_owned()];
    let known = |file: &str, code: &str| known_algorithm(&all, file, code).map(|name| &**name);
    assert_eq!(known("src/run/mod.rs", "use crate::algo::{dqn::DqnConfig};"), Some("dqn"));
    assert_eq!(known("crates/rl/src/algo/dqn/mod.rs", "crate::algo::sac::critic()"), Some("sac"));
    assert_eq!(known("crates/rl/src/algo/dqn/mod.rs", "crate::algo::dqn::critic(), cul_de_sac::x()"), None);
    assert_eq!(known("crates/rl/src/nn/mod.rs", "struct SacNetwork;"), Some("sac"));
}

/// Ways to read a file that bypass `files`, the only module that limits sizes and refuses files that block.
const READERS: &[&str] = &[
    "fs::read(",
    "fs::read_to_string",
    "File::open",
    "read_to_string(",
    "read_to_end(",
    "from_reader(",
    "BufReader",
];

/// Exceptions.
const MAY_READ: &[(&str, &str)] = &[
    ("files.rs", ""),
    // Opened through `files`, with a size limit.
    ("learner/checkpoint.rs", "read_to_end("),
    ("learner/checkpoint.rs", "BufReader"),
    // Pipes of a process.
    ("bridge/wire.rs", "read_to_end("),
    ("bridge/worker.rs", "BufReader"),
    ("bridge/pipe.rs", "BufReader"),
    // A folder, to sync it.
    ("learner/checkpoint/replace.rs", "File::open"),
];

/// Uses of [`READERS`] in the source file `name`, except in tests.
fn readers(name: &str, text: &str) -> Vec<&'static str> {
    let code = code(without_tests(text));
    let may = |reader: &str| MAY_READ.iter().any(|(file, what)| *file == name && reader.contains(what));
    READERS.iter().copied().filter(|reader| code.contains(reader) && !may(reader)).collect()
}

#[test]
fn files_are_read_in_one_place() {
    let mut faults = Vec::new();
    for (root, file) in all_sources() {
        let name = file.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        if !name.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&file).unwrap();
            faults.extend(readers(&name, &text).iter().map(|found| format!("{}: {found}", file.display())));
        }
    }
    assert!(faults.is_empty(), "use crate::files instead:\n{}", faults.join("\n"));
    assert_eq!(readers("a.rs", "let x = std::fs::read(path); // File::open\n"), ["fs::read("]);
    assert!(readers("a.rs", "files::read(path, 9);\n#[cfg(test)]\nmod tests { fs::read(path) }").is_empty());
}

#[test]
fn the_reader_of_paths_sees_what_it_should() {
    let text = "use crate::{agent, sim::{AgentSlots, worlds}, mdp};\nlet x = crate::run::go();";
    assert_eq!(names_after(text, "crate::"), ["agent", "sim", "mdp", "run"]);
    let inline = "use a;\n#[cfg(test)]\nmod tests {\n    use b;\n}";
    assert_eq!(without_tests(inline), "use a;");
    let elsewhere = "//! x\n\n#[cfg(test)]\nmod tests;\n\nuse b;";
    assert_eq!(without_tests(elsewhere), elsewhere);
    assert_eq!(names_after("fn f(x: burn::Tensor, y: my_burn::T)", "burn::"), ["Tensor"]);
}
