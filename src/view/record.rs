//! Recording: screenshots of the window and .gif recordings of the watched arena, written by a separate thread.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured, save_to_disk};
use bevy::window::PrimaryWindow;
use crossbeam_channel::{Receiver, Sender, bounded};
use gif::{DisposalMethod, Encoder, Frame, Repeat};
use image::imageops::{crop_imm, thumbnail};

use super::Toast;
use super::commands::{AddKeys as _, KeyGroup, KeyHint, KeySpec};
use super::modes::Mode;
use super::stage::{Stage, StageSize};
use crate::sim::arena::Spec;

/// Frames per second of a recording.
const FRAME_RATE: f32 = 12.5;
/// Maximum length of a recording in seconds.
const MAX_SECONDS: f32 = 30.0;
/// Maximum width of a recording in pixels; larger arenas are scaled down.
pub const MAX_WIDTH: u32 = 400;

/// The folder of screenshots and recordings.
#[derive(Resource, Debug, Clone)]
pub struct ScreenshotFolder(pub PathBuf);

impl Default for ScreenshotFolder {
    fn default() -> Self {
        Self(PathBuf::from("."))
    }
}

impl ScreenshotFolder {
    /// Path of a new file named after `name`; creates the folder.
    ///
    /// # Errors
    /// One line if the folder cannot be created.
    pub fn file(&self, name: &str, extension: &str) -> Result<PathBuf, String> {
        fresh(&self.0, name, extension)
    }
}

/// The running recording. Exists only while recording.
#[derive(Resource, Debug)]
pub struct Recording {
    path: PathBuf,
    started: Instant,
    /// Seconds after which it ends.
    seconds: f32,
    taken: u32,
    frames: Sender<Shot>,
    writer: JoinHandle<Result<(), String>>,
}

/// One frame of the screen.
#[derive(Debug)]
struct Shot {
    image: Image,
    /// The part to record: left, top, width and height in pixels.
    part: [u32; 4],
    /// Hundredths of a second until the next one.
    delay: u16,
}

/// Recordings that are still being written.
#[derive(Resource, Debug, Default)]
pub(super) struct Finishing(Vec<(PathBuf, JoinHandle<Result<(), String>>)>);

/// The keys for screenshots and recordings.
pub const KEYS: &[KeySpec] = &[
    KeySpec {
        hint: KeyHint::Always("screenshot"),
        act: Some(picture),
        ..KeySpec::new("picture", "save a screenshot", KeyCode::F12, KeyGroup::Screen)
    },
    KeySpec {
        hint: KeyHint::Always("record"),
        act: Some(toggle),
        not_while: &[(Mode::Compare, "a recording shows a single arena")],
        ..KeySpec::new("record", "record the watched arena", KeyCode::F11, KeyGroup::Screen)
    },
];

/// Adds the keys and their systems.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<ScreenshotFolder>()
        .init_resource::<Finishing>()
        .add_keys(KEYS)
        .add_systems(Update, (take.run_if(resource_exists::<Recording>), finish));
}

/// A new file for the running world; a toast says if there is none.
fn file(world: &mut World, extension: &str) -> Option<PathBuf> {
    let name = &world.get_resource::<Spec>()?.name;
    match world.resource::<ScreenshotFolder>().file(name, extension) {
        Ok(path) => Some(path),
        Err(problem) => {
            world.resource_mut::<Toast>().show(problem);
            None
        }
    }
}

/// Saves a screenshot of the window.
fn picture(world: &mut World) {
    let Some(path) = file(world, "png") else { return };
    let mut save = save_to_disk(path.clone());
    let finished = move |captured: On<ScreenshotCaptured>, mut toast: ResMut<Toast>| {
        save(captured);
        toast.show(match path.is_file() {
            true => format!("saved {}", path.display()),
            false => format!("{}: not written; check free space and permissions", path.display()),
        });
    };
    world.spawn(Screenshot::primary_window()).observe(finished);
}

/// Starts or ends a recording of the watched arena.
fn toggle(world: &mut World) {
    if world.contains_resource::<Recording>() {
        return end(world);
    }
    let Some(path) = file(world, "gif") else { return };
    world.resource_mut::<Toast>().show(format!("recording, for at most {MAX_SECONDS} s"));
    begin(world, path, MAX_SECONDS, MAX_WIDTH);
}

/// Path of a file in `folder` that does not exist.
fn fresh(folder: &Path, world: &str, extension: &str) -> Result<PathBuf, String> {
    std::fs::create_dir_all(folder)
        .map_err(|error| format!("{}: {error}; choose another folder", folder.display()))?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let name = |again: usize| folder.join(format!("{world}-{seconds}-{again}.{extension}"));
    (0..1000)
        .map(name)
        .find(|path| !path.exists())
        .ok_or_else(|| "too many pictures in one second; try again".to_owned())
}

/// Starts to record the watched arena into the .gif file at `path`, for at most `seconds` and `widest` pixels wide.
pub fn begin(world: &mut World, path: PathBuf, seconds: f32, widest: u32) {
    // A slow writer loses frames instead of blocking the game.
    let (frames, shots) = bounded(8);
    let place = path.clone();
    let writer =
        std::thread::Builder::new().name("recorder".into()).spawn(move || write(&place, &shots, widest));
    let Ok(writer) = writer else { return };
    let started = Instant::now();
    world.insert_resource(Recording { path, started, seconds, taken: 0, frames, writer });
}

/// Ends the recording. Its file appears once it is complete.
pub fn end(world: &mut World) {
    let Some(recording) = world.remove_resource::<Recording>() else { return };
    // Frames that arrive from the renderer later are dropped.
    let Recording { path, frames, writer, .. } = recording;
    drop(frames);
    world.resource_mut::<Finishing>().0.push((path, writer));
}

/// Run condition: whether nothing is being recorded or written.
pub(super) fn idle(recording: Option<Res<Recording>>, finishing: Option<Res<Finishing>>) -> bool {
    recording.is_none() && finishing.is_none_or(|finishing| finishing.0.is_empty())
}

fn take(
    mut commands: Commands,
    mut recording: ResMut<Recording>,
    size: Option<Res<StageSize>>,
    window: Query<&Window, With<PrimaryWindow>>,
    stages: Query<(&Stage, &Transform)>,
) {
    let elapsed = recording.started.elapsed().as_secs_f32();
    if elapsed >= recording.seconds {
        commands.queue(end);
        return;
    }
    if elapsed < recording.taken as f32 / FRAME_RATE {
        return;
    }
    let watched = stages.iter().find(|(stage, _)| stage.watched);
    let (Some(size), Ok(window), Some((_, place))) = (size, window.single(), watched) else { return };
    // Missed frames are skipped.
    recording.taken = (elapsed * FRAME_RATE) as u32 + 1;
    let middle = Vec2::new(window.width(), window.height()) / 2.0;
    let center = middle + place.translation.truncate() * Vec2::new(1.0, -1.0);
    let rect = Rect::from_center_half_size(center, size.0 * place.scale.x);
    let rect = rect.intersect(Rect::from_corners(Vec2::ZERO, 2.0 * middle));
    let part = [rect.min.x, rect.min.y, rect.width(), rect.height()];
    let part = part.map(|length| (length * window.scale_factor()).round().max(0.0) as u32);
    commands.spawn(Screenshot::primary_window()).observe(
        move |captured: On<ScreenshotCaptured>, recording: Option<Res<Recording>>| {
            let Some(recording) = recording else { return };
            let shot = Shot { image: captured.image.clone(), part, delay: (100.0 / FRAME_RATE) as u16 };
            _ = recording.frames.try_send(shot);
        },
    );
}

fn finish(mut finishing: ResMut<Finishing>, mut toast: ResMut<Toast>) {
    if finishing.0.is_empty() {
        return;
    }
    let (done, left): (Vec<_>, Vec<_>) = finishing.0.drain(..).partition(|(_, writer)| writer.is_finished());
    finishing.0 = left;
    for (path, writer) in done {
        toast.show(match writer.join() {
            Ok(Ok(())) => format!("saved {}", path.display()),
            Ok(Err(problem)) => problem,
            Err(_) => format!("{}: the recorder failed; try again", path.display()),
        });
    }
}

/// Writes all shots into a .gif file, which gets its name once it is complete.
fn write(path: &Path, shots: &Receiver<Shot>, widest: u32) -> Result<(), String> {
    let mut aside = PathBuf::new();
    let result = write_aside(path, shots, widest, &mut aside);
    if result.is_err() && !aside.as_os_str().is_empty() {
        _ = std::fs::remove_file(&aside);
    }
    result
}

/// Creates a temporary file beside `path`.
fn open_aside(path: &Path) -> std::io::Result<(PathBuf, File)> {
    let mut again = 0;
    loop {
        let aside = path.with_extension(format!("gif.{again}.new"));
        match File::create_new(&aside) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && again < 1000 => again += 1,
            result => return result.map(|file| (aside, file)),
        }
    }
}

/// Writes to a temporary file, stores its path in `aside`, and renames it to `path` at the end.
fn write_aside(path: &Path, shots: &Receiver<Shot>, widest: u32, aside: &mut PathBuf) -> Result<(), String> {
    let problem =
        |reason: String| format!("{}: {reason}; check the folder and the free space", path.display());
    let mut encoder: Option<(Encoder<BufWriter<File>>, [u32; 2])> = None;
    // The image so far: only changes to it are written.
    let mut shown = Vec::new();
    for shot in shots {
        let Some((mut pixels, size)) = cut(shot.image, shot.part, widest) else { continue };
        let (encoder, first) = match &mut encoder {
            Some(open) => (&mut open.0, open.1),
            None => {
                let (place, file) = open_aside(path).map_err(|error| problem(error.to_string()))?;
                *aside = place;
                let [width, height] = size.map(|side| side as u16);
                let mut new = Encoder::new(BufWriter::new(file), width, height, &[])
                    .map_err(|error| problem(error.to_string()))?;
                new.set_repeat(Repeat::Infinite).map_err(|error| problem(error.to_string()))?;
                let open = encoder.insert((new, size));
                (&mut open.0, open.1)
            }
        };
        // All frames have one size: skip those after the window was resized.
        if size != first {
            continue;
        }
        keep_unchanged(&mut pixels, &mut shown);
        let mut frame = Frame::from_rgba_speed(size[0] as u16, size[1] as u16, &mut pixels, 10);
        (frame.delay, frame.dispose) = (shot.delay, DisposalMethod::Keep);
        encoder.write_frame(&frame).map_err(|error| problem(error.to_string()))?;
    }
    let Some((encoder, _)) = encoder else { return Err(problem("nothing was recorded".into())) };
    let complete = |mut file: BufWriter<File>| {
        file.flush()?;
        file.get_ref().sync_all()?;
        std::fs::rename(&*aside, path)
    };
    let file = encoder.into_inner().map_err(|error| problem(error.to_string()))?;
    complete(file).map_err(|error| problem(error.to_string()))
}

/// Invisible differences of a channel, of 255.
const TOLERANCE: u8 = 5;

/// Makes unchanged pixels transparent, and copies the others to `shown`.
fn keep_unchanged(pixels: &mut [u8], shown: &mut Vec<u8>) {
    if shown.len() != pixels.len() {
        *shown = pixels.to_vec();
        return;
    }
    for (new, old) in pixels.as_chunks_mut::<4>().0.iter_mut().zip(shown.as_chunks_mut::<4>().0) {
        if new.iter().zip(old.iter()).all(|(new, old)| new.abs_diff(*old) <= TOLERANCE) {
            *new = [0; 4];
        } else {
            *old = *new;
        }
    }
}

/// A part of the screen as RGBA bytes, scaled down to at most `widest` pixels.
fn cut(image: Image, [left, top, width, height]: [u32; 4], widest: u32) -> Option<(Vec<u8>, [u32; 2])> {
    let screen = image.try_into_dynamic().ok()?.to_rgba8();
    let (width, height) =
        (width.min(screen.width().checked_sub(left)?), height.min(screen.height().checked_sub(top)?));
    if width == 0 || height == 0 {
        return None;
    }
    let shrink = f64::from(width.max(widest)) / f64::from(widest.max(1));
    let size = [width, height].map(|side| ((f64::from(side) / shrink) as u32).max(1));
    let part = crop_imm(&screen, left, top, width, height).to_image();
    let mut small = if size == [width, height] { part } else { thumbnail(&part, size[0], size[1]) };
    // What shows through is black.
    small.pixels_mut().for_each(|pixel| pixel.0[3] = u8::MAX);
    Some((small.into_raw(), size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bevy::asset::RenderAssetUsages;
    use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};

    fn screen(red: u8) -> Image {
        let size = Extent3d { width: 1000, height: 20, depth_or_array_layers: 1 };
        let format = TextureFormat::Rgba8UnormSrgb;
        Image::new_fill(size, TextureDimension::D2, &[red, 0, 0, 255], format, RenderAssetUsages::all())
    }

    #[test]
    fn the_part_is_cropped_and_scaled_down() {
        let (pixels, size) = cut(screen(200), [10, 0, 800, 20], 400).unwrap();
        assert_eq!((size, pixels.len()), ([400, 10], 4 * 400 * 10));
        assert!(pixels.chunks(4).all(|pixel| pixel == [200, 0, 0, 255]));
        assert_eq!(cut(screen(1), [900, 5, 400, 400], 400).unwrap().1, [100, 15]);
        assert!(
            cut(screen(1), [1200, 0, 10, 10], 400).is_none() && cut(screen(1), [0, 0, 0, 10], 400).is_none()
        );
    }

    #[test]
    fn unchanged_pixels_are_written_once() {
        let mut shown = Vec::new();
        let mut first = vec![10, 20, 30, 255, 40, 50, 60, 255];
        keep_unchanged(&mut first, &mut shown);
        assert_eq!(first, [10, 20, 30, 255, 40, 50, 60, 255]);
        let mut second = vec![12, 20, 30, 255, 90, 50, 60, 255];
        keep_unchanged(&mut second, &mut shown);
        assert_eq!(second, [0, 0, 0, 0, 90, 50, 60, 255]);
        assert_eq!(shown, [10, 20, 30, 255, 90, 50, 60, 255]);
    }

    #[test]
    fn a_recording_gets_its_name_once_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gif");
        let (frames, shots) = bounded(8);
        for red in [0, 120, 240] {
            frames.send(Shot { image: screen(red), part: [0, 0, 100, 20], delay: 8 }).unwrap();
        }
        drop(frames);
        write(&path, &shots, 400).unwrap();
        let mut decoder = gif::DecodeOptions::new().read_info(File::open(&path).unwrap()).unwrap();
        assert_eq!((decoder.width(), decoder.height()), (100, 20));
        let mut count = 0;
        while decoder.read_next_frame().unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, 3);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let (frames, shots) = bounded(1);
        drop(frames);
        let error = write(&folder.path().join("b.gif"), &shots, 400).unwrap_err();
        assert!(error.contains("nothing was recorded") && error.lines().count() == 1, "{error}");
    }
}
