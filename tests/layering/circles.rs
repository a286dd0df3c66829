//! Finds circles between the modules of one folder: `a` uses `b`, which uses `a` again, directly or through others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::{all_sources, code, without_tests};

/// A module's path from the root of its crate.
type Module = Vec<String>;
/// Which module uses which.
type Uses = BTreeMap<String, BTreeSet<String>>;

fn module(file: &Path) -> Module {
    let mut path: Module = file.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let name = path.pop().unwrap();
    match name.trim_end_matches(".rs") {
        "lib" | "main" | "mod" => {}
        name => path.push(name.to_owned()),
    }
    path
}

/// Every path in `text`, which starts with the first name of one: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(text: &str) -> Vec<Module> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let (path, rest) = text.split_at(end);
    let first: Module = path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if !path.ends_with("::") || !rest.starts_with('{') {
        return vec![first];
    }
    let (mut depth, mut parts, mut begin) = (0, Vec::new(), 1);
    for (at, letter) in rest.char_indices() {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        if depth == 0 || (depth == 1 && letter == ',') {
            parts.push(rest[begin..at].trim());
            begin = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    let inner = parts.into_iter().filter(|part| !part.is_empty()).flat_map(paths);
    inner.map(|path| [first.clone(), path].concat()).collect()
}

/// Paths from the root of the crate that `code`, of the module `own`, uses.
fn used(own: &[String], code: &str) -> Vec<Module> {
    let starts = ["crate::", "super::", "self::"].into_iter().flat_map(|start| code.match_indices(start));
    let starts = starts
        .filter(|(at, _)| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'));
    let absolute = |path: Module| {
        let mut base = if path[0] == "crate" { Vec::new() } else { own.to_vec() };
        for name in path {
            match name.as_str() {
                "crate" | "self" => {}
                "super" => _ = base.pop(),
                _ => base.push(name),
            }
        }
        base
    };
    starts.flat_map(|(at, _)| paths(&code[at..])).map(absolute).collect()
}

/// What is reached from `module`.
fn reached<'a>(uses: &'a Uses, module: &'a str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open = vec![module];
    while let Some(next) = open.pop() {
        let others = uses.get(next).into_iter().flatten();
        open.extend(others.map(String::as_str).filter(|other| found.insert(*other)));
    }
    found
}

/// Modules that `module` reaches and that reach it again.
fn circle<'a>(uses: &'a Uses, module: &'a str) -> Vec<&'a str> {
    let back = |other: &&str| reached(uses, other).contains(module);
    reached(uses, module).into_iter().filter(back).collect()
}

/// The modules of every circle.
fn circles(uses: &Uses) -> BTreeSet<Vec<&str>> {
    uses.keys().map(|module| circle(uses, module)).filter(|circle| circle.len() > 1).collect()
}

#[test]
fn modules_of_a_folder_do_not_use_each_other_in_circles() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = all_sources();
    let modules: BTreeSet<(&Path, Module)> =
        sources.iter().map(|(root, file)| (&**root, module(file.strip_prefix(root).unwrap()))).collect();
    let mut folders: BTreeMap<String, Uses> = BTreeMap::new();
    for (root, file) in &sources {
        if file.file_name().unwrap().to_string_lossy().ends_with("tests.rs") {
            continue;
        }
        let own = module(file.strip_prefix(root).unwrap());
        let text = std::fs::read_to_string(file).unwrap();
        for mut other in used(&own, &code(without_tests(&text))) {
            while !other.is_empty() && !modules.contains(&(&**root, other.clone())) {
                other.pop();
            }
            let shared = own.iter().zip(&other).take_while(|(a, b)| a == b).count();
            if let (Some(user), Some(used)) = (own.get(shared), other.get(shared)) {
                let folder = own[..shared].iter().fold(root.clone(), |folder, name| folder.join(name));
                let folder = folder.strip_prefix(home).unwrap().to_string_lossy().replace('\\', "/");
                folders.entry(folder).or_default().entry(user.clone()).or_default().insert(used.clone());
            }
        }
    }
    let found: Vec<(&str, Vec<&str>)> = folders
        .iter()
        .flat_map(|(folder, uses)| circles(uses).into_iter().map(move |circle| (&**folder, circle)))
        .collect();
    assert!(found.is_empty(), "move what both use into a module below them: {found:?}");
}

#[test]
fn paths_and_circles_are_found() {
    let own = ["a".to_owned(), "b".to_owned()];
    let joined = |code: &str| used(&own, code).iter().map(|path| path.join("::")).collect::<Vec<_>>();
    assert_eq!(
        joined("use super::{c, d::{E, f::G}, self};\nlet x = crate::h::I::new();"),
        ["h::I::new", "a::c", "a::d::E", "a::d::f::G", "a",]
    );
    assert_eq!(joined("use super::super::j::K; my_crate::l; self::m::N"), ["j::K", "a::b::m::N"]);
    let uses = |pairs: &[(&str, &str)]| {
        let mut uses = Uses::new();
        for (user, used) in pairs {
            uses.entry((*user).to_owned()).or_default().insert((*used).to_owned());
        }
        uses
    };
    assert!(circles(&uses(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
    let circle = uses(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]);
    assert_eq!(circles(&circle).into_iter().collect::<Vec<_>>(), [["a", "b", "c"]]);
}
