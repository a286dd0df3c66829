//! Tail: ghosts along the path of a moving shape, equally spaced at any frame rate.

use std::collections::VecDeque;

use bevy::prelude::*;

use super::effects::FlatMaterials;
use super::follow::Follows;

/// The ghosts behind one shape.
#[derive(Debug, Clone)]
pub struct Tail {
    /// Nearest to the head first.
    ghosts: Vec<Entity>,
    /// Past positions of the head, latest first.
    path: VecDeque<Vec2>,
}

impl Tail {
    /// Spawns `length` ghosts at depth `z` of a stage, smaller and fainter towards the end.
    pub fn spawn(
        commands: &mut Commands,
        materials: &FlatMaterials,
        mesh: Mesh2d,
        stage: Entity,
        length: usize,
        z: f32,
    ) -> Self {
        let ghost = |index: usize| {
            let share = 1.0 - (index as f32 + 1.0) / (length as f32 + 1.0);
            let place = Transform::from_xyz(0.0, 0.0, z).with_scale(Vec3::splat(0.4 + 0.6 * share));
            commands.spawn((Ghost, mesh.clone(), materials.fade(share * share), place, ChildOf(stage))).id()
        };
        Self { ghosts: (0..length).map(ghost).collect(), path: VecDeque::new() }
    }

    /// Clears the path: the head was placed, not moved.
    pub fn cut(&mut self) {
        self.path.clear();
    }

    /// Moves the ghosts behind `head`, `gap` units apart. A motion of more than `jump` units within a frame clears the
    /// path: the shape was placed, or play is fast.
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

    /// Moves the ghosts behind position `head`, `gap` units apart.
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
