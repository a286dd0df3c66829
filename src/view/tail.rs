//! Tail: ghosts along the way of something that flies, at equal distances whatever the frame rate.

use std::collections::VecDeque;

use bevy::prelude::*;

use super::effects::FlatMaterials;
use super::follow::Follows;

/// Ghosts that one shape drags behind it.
#[derive(Debug, Clone)]
pub struct Tail {
    /// From the head on.
    ghosts: Vec<Entity>,
    /// Where the head was, latest first.
    path: VecDeque<Vec2>,
}

impl Tail {
    /// A tail of `length` shapes at depth `z` of a stage, smaller and paler towards its end.
    pub fn spawn(
        commands: &mut Commands,
        inks: &FlatMaterials,
        mesh: Mesh2d,
        stage: Entity,
        length: usize,
        z: f32,
    ) -> Self {
        let ghost = |index: usize| {
            let share = 1.0 - (index as f32 + 1.0) / (length as f32 + 1.0);
            let place = Transform::from_xyz(0.0, 0.0, z).with_scale(Vec3::splat(0.4 + 0.6 * share));
            commands.spawn((Ghost, mesh.clone(), inks.fade(share * share), place, ChildOf(stage))).id()
        };
        Self { ghosts: (0..length).map(ghost).collect(), path: VecDeque::new() }
    }

    /// Forgets the way so far: the head was placed, not moved.
    pub fn cut(&mut self) {
        self.path.clear();
    }

    /// The shape that follows a body stands where it stands now, in the arena's units; ghosts follow it `gap`
    /// apart. Of a way longer than `jump` within a frame nothing is known: it was placed, or time runs fast.
    pub fn follow(
        &mut self,
        (head, transform): (&Follows, &Transform),
        gap: f32,
        jump: f32,
        ghosts: &mut Query<&mut Transform, With<Ghost>>,
    ) {
        if head.moved == Vec2::ZERO {
            return;
        }
        if head.moved.length() > jump {
            self.cut();
        }
        self.drag(transform.translation.truncate(), gap, ghosts);
    }

    /// The head is at `head` now; ghosts follow it `gap` apart.
    pub fn drag(&mut self, head: Vec2, gap: f32, transforms: &mut Query<&mut Transform, With<Ghost>>) {
        self.path.push_front(head);
        let mut points = self.path.iter().copied();
        let mut here = points.next().unwrap_or_default();
        let mut next = points.next();
        let mut used = 1;
        for &ghost in &self.ghosts {
            let mut left = gap;
            while let Some(goal) = next {
                let far = here.distance(goal);
                if far >= left {
                    here = here.move_towards(goal, left);
                    break;
                }
                (left, here, next) = (left - far, goal, points.next());
                used += 1;
            }
            if let Ok(mut transform) = transforms.get_mut(ghost) {
                transform.translation = here.extend(transform.translation.z);
            }
        }
        self.path.truncate(used + 1);
    }
}

/// One shape of a [`Tail`].
#[derive(Component, Debug, Clone, Copy)]
pub struct Ghost;
