// Ink: the color that a mesh has at its corners, at one opacity. No texture is looked up: a renderer without a graphics
// card pays for the look even where nothing comes of it.
#import bevy_sprite::mesh2d_vertex_output::VertexOutput

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<uniform> opacity: vec4<f32>;

@fragment
fn fragment(mesh: VertexOutput) -> @location(0) vec4<f32> {
#ifdef VERTEX_COLORS
    return vec4<f32>(mesh.color.rgb, mesh.color.a * opacity.a);
#else
    return opacity;
#endif
}
