//! Worlds: one folder each, with rules, script, art, README, experiment, trained agents and pictures, listed
//! by its [`WorldEntry`]. Worlds that share an engine are subfolders of one folder.

pub mod ball_box;
pub mod beam_carry;
#[cfg(feature = "arcade")]
mod bodiless;
pub mod brick_breaker;
pub mod cart_pole;
mod choice;
pub mod classic_control;
mod entry;
pub mod lander;
pub mod meteor_field;
#[cfg(feature = "arcade")]
mod outside;
pub mod paddle_duel;
pub mod puck;
pub mod rooms;
pub mod t_maze;
#[cfg(test)]
mod tests;
pub mod volley;
pub mod walkers;

pub use choice::{Request, WorldChoice, WorldError};
pub use entry::{AgentFile, Screenshot, WorldEntry};
#[cfg(feature = "arcade")]
pub use entry::{WorldArt, plugin};

/// Every world, in the order of the title screen.
// A static: a constant would have every crate that reads it compile every world again.
pub static CATALOGUE: &[WorldEntry] = &[
    rooms::lava_room::WORLD,
    rooms::crate_yard::WORLD,
    rooms::key_door::WORLD,
    rooms::memory_corridor::WORLD,
    rooms::two_plates::WORLD,
    rooms::tag::WORLD,
    paddle_duel::WORLD,
    brick_breaker::WORLD,
    volley::WORLD,
    meteor_field::WORLD,
    beam_carry::WORLD,
    lander::WORLD,
    puck::WORLD,
    puck::pairs::WORLD,
    classic_control::cartpole::WORLD,
    cart_pole::WORLD,
    classic_control::acrobot::WORLD,
    classic_control::mountain_car::WORLD,
    classic_control::pendulum::WORLD,
    walkers::hopper::WORLD,
    walkers::walker::WORLD,
    walkers::cheetah::WORLD,
    t_maze::WORLD,
];

/// Names of all worlds.
pub fn names() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|entry| entry.name)
}

/// Id of the world called `name` in Gymnasium, as the Python package registers it.
pub fn gymnasium_id(name: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    let own = match name {
        // Two ids that differed in the case of one letter would be taken for each other.
        "cartpole" => "CartPole".to_owned(),
        "cart-pole" => "RapierCartPole".to_owned(),
        _ => name.split('-').filter(|word| word.is_char_boundary(1)).map(capital).collect(),
    };
    format!("EntropyArcade/{own}-v0")
}

/// Largest absolute entry of the vectors that the world called `name` shows: what it publishes, or 10, as the contract has
/// it; of an outside environment anything.
pub fn largest_observation(name: &str) -> f32 {
    find(name).map_or(f32::MAX, |entry| entry.published_scale.map_or(10.0, |[seen, _]| seen))
}

/// The world called `name`; `None` if the catalogue has none, as for your own worlds.
pub fn find(name: &str) -> Option<&'static WorldEntry> {
    CATALOGUE.iter().find(|entry| entry.name == name)
}
