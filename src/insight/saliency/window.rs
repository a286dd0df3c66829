//! Saliency window: a switch in the panel, without a key.

use crate::insight::overlay::window::OverlayWindow;

pub(super) const WINDOW: OverlayWindow = OverlayWindow::PLAIN;
