// Flat material: vertex colors at one opacity. It samples no texture, which would be expensive on a software renderer.
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
