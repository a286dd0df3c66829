//! Animation: an animated GIF, decoded once and played in a loop.

use bevy_egui::egui::{self, Color32, ColorImage, Context, Rect, TextureHandle, TextureOptions, Ui, vec2};
use gif::{ColorOutput, DecodeOptions, DisposalMethod};

use super::theme::tone;
use crate::view::palette;

/// Most frames that are decoded: several seconds.
const MAX_FRAMES: usize = 120;

/// Frames, each with the time at which it ends, in seconds.
pub(super) struct Animation {
    frames: Vec<(TextureHandle, f32)>,
    size: egui::Vec2,
}

impl Animation {
    /// Decodes the bytes of a GIF file; `None` if they are not one.
    pub fn read(context: &Context, bytes: &[u8]) -> Option<Self> {
        let (frames, [width, height]) = decode(bytes)?;
        let mut ends = 0.0;
        let frames = frames.into_iter().enumerate().map(|(index, (pixels, seconds))| {
            ends += seconds;
            let image = ColorImage::from_rgba_unmultiplied([width, height], &pixels);
            (context.load_texture(format!("animation {index}"), image, TextureOptions::LINEAR), ends)
        });
        Some(Self { frames: frames.collect(), size: vec2(width as f32, height as f32) })
    }

    /// Draws the current frame in the middle of `rect`, as large as possible.
    pub fn paint(&self, ui: &Ui, rect: Rect) {
        let Some((_, duration)) = self.frames.last() else { return };
        let now = ui.input(|input| input.time) as f32 % duration;
        let Some((frame, _)) = self.frames.iter().find(|(_, ends)| now < *ends) else { return };
        let scale = (rect.width() / self.size.x).min(rect.height() / self.size.y);
        let place = Rect::from_center_size(rect.center(), self.size * scale);
        let whole = Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0));
        ui.painter().rect_filled(rect, 10.0, tone(palette::NIGHT));
        ui.painter().image(frame.id(), place, whole, Color32::WHITE);
    }
}

/// RGBA bytes and duration in seconds of one frame.
type Decoded = (Vec<u8>, f32);

/// Every frame composed over the previous ones, and the size.
fn decode(bytes: &[u8]) -> Option<(Vec<Decoded>, [usize; 2])> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    let mut decoder = options.read_info(bytes).ok()?;
    let size = [usize::from(decoder.width()), usize::from(decoder.height())];
    let mut canvas = vec![0; 4 * size[0] * size[1]];
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = decoder.read_next_frame() {
        let [left, top, width] = [frame.left, frame.top, frame.width].map(usize::from);
        for (row, line) in frame.buffer.chunks(4 * width.max(1)).enumerate() {
            for (column, pixel) in line.as_chunks::<4>().0.iter().enumerate() {
                let at = 4 * ((top + row) * size[0] + left + column);
                let inside = left + column < size[0] && pixel[3] > 0;
                if let Some(below) = canvas.get_mut(at..at + 4).filter(|_| inside) {
                    below.copy_from_slice(pixel);
                }
            }
        }
        frames.push((canvas.clone(), f32::from(frame.delay.max(2)) / 100.0));
        if frame.dispose == DisposalMethod::Background {
            canvas.fill(0);
        }
        if frames.len() >= MAX_FRAMES {
            break;
        }
    }
    (!frames.is_empty()).then_some((frames, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_composed_and_invalid_bytes_are_rejected() {
        let mut bytes = Vec::new();
        {
            let mut encoder = gif::Encoder::new(&mut bytes, 2, 1, &[]).unwrap();
            let mut first = gif::Frame::from_rgba(2, 1, &mut [255, 0, 0, 255, 0, 255, 0, 255]);
            first.delay = 10;
            encoder.write_frame(&first).unwrap();
            let second = gif::Frame::from_rgba(2, 1, &mut [0, 0, 0, 0, 0, 0, 255, 255]);
            encoder.write_frame(&second).unwrap();
        }
        let (frames, size) = decode(&bytes).unwrap();
        assert_eq!((frames.len(), size, frames[0].1), (2, [2, 1], 0.1));
        assert_eq!(frames[1].0, [255, 0, 0, 255, 0, 0, 255, 255]);
        for cut in [0, 5, 20] {
            assert!(decode(&bytes[..cut]).is_none());
        }
    }
}
