//! Reads event files back with a separate decoder, which shares no code with the writer.

use super::*;
use crate::metrics::run::{ENV_STEPS, EPISODE_RETURN};

crate::metrics! {
    /// For these tests.
    METRICS:
    TEMPERATURE = { key: "train/temperature", label: "temperature", unit: RewardPerNat, help: "a number" }
    PROBABILITIES = { key: "train/probabilities", label: "probabilities", unit: PerAction, help: "two numbers" }
}

/// CRC-32C bit by bit, as long division by the polynomial in its usual, unreflected form.
fn crc32c(data: &[u8]) -> u32 {
    let mut register = 0xffff_ffff_u32;
    for byte in data {
        register ^= u32::from(byte.reverse_bits()) << 24;
        for _ in 0..8 {
            let carry = register & 0x8000_0000 != 0;
            register <<= 1;
            if carry {
                register ^= 0x1edc_6f41;
            }
        }
    }
    !register.reverse_bits()
}

fn masked(data: &[u8]) -> u32 {
    let crc = crc32c(data);
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The payloads of TFRecords, with both checksums verified.
fn payloads(mut file: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while !file.is_empty() {
        let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
        assert_eq!(u32::from_le_bytes(file[8..12].try_into().unwrap()), masked(&file[..8]));
        let (payload, rest) = file[12..].split_at(length);
        assert_eq!(u32::from_le_bytes(rest[..4].try_into().unwrap()), masked(payload));
        found.push(payload.to_vec());
        file = &rest[4..];
    }
    found
}

/// A field of a message: its number, and its bytes (lengths left out; varints as 8 bytes).
fn fields(mut message: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(message: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = message[0];
            *message = &message[1..];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
        }
        unreachable!()
    }
    let mut found = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message);
        let length = match tag & 7 {
            0 => {
                found.push((tag >> 3, varint(&mut message).to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            5 => 4,
            2 => varint(&mut message) as usize,
            other => panic!("wire type {other}"),
        };
        found.push((tag >> 3, message[..length].to_vec()));
        message = &message[length..];
    }
    found
}

fn field(message: &[u8], number: u64) -> Option<Vec<u8>> {
    fields(message).into_iter().find(|(found, _)| *found == number).map(|(_, bytes)| bytes)
}

fn number(bytes: Vec<u8>) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap())
}

/// Tags and values of an event's summary.
fn scalars(event: &[u8]) -> Vec<(String, f32)> {
    let summary = field(event, 5).unwrap();
    let values = fields(&summary).into_iter().inspect(|(number, _)| assert_eq!(*number, 1));
    let scalar = |value: Vec<u8>| {
        let tag = String::from_utf8(field(&value, 1).unwrap()).unwrap();
        (tag, f32::from_le_bytes(field(&value, 2).unwrap().try_into().unwrap()))
    };
    values.map(|(_, value)| scalar(value)).collect()
}

#[test]
fn checksums_are_those_of_the_standard() {
    // RFC 3720, appendix B.4, and the usual check value.
    for (data, crc) in
        [(&[0_u8; 32][..], 0x8a91_36aa_u32), (&[0xff; 32], 0x62a8_ab43), (b"123456789", 0xe306_9283)]
    {
        assert_eq!(crc32c(data), crc);
        assert_eq!(masked_crc32c(data), crc.rotate_right(15).wrapping_add(0xa282_ead8));
    }
}

#[test]
fn the_first_record_is_the_one_tensorboard_writes() {
    let mut bytes = Vec::new();
    drop(TensorBoard::new(&mut bytes, 0.0).unwrap());
    // 24 bytes: wall_time, step, file_version "brain.Event:2" with tags.
    let event = [&[0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0x1a, 13][..], b"brain.Event:2"].concat();
    assert_eq!(bytes[..8], (event.len() as u64).to_le_bytes());
    assert_eq!(bytes[12..12 + event.len()], event);
    assert_eq!(payloads(&bytes).len(), 1);
}

#[test]
fn an_independent_decoder_reads_what_was_measured() {
    assert_eq!(METRICS, [TEMPERATURE, PROBABILITIES]);
    let mut bytes = Vec::new();
    let mut events = TensorBoard::new(&mut bytes, 1000.5).unwrap();
    let mut record = Metrics::default();
    record.set(ENV_STEPS, 300_u64);
    record.set(EPISODE_RETURN, None::<f32>);
    record.set(TEMPERATURE, 0.25_f32);
    record.set(PROBABILITIES, vec![0.75_f32, 0.25]);
    record.set(UNIX_SECONDS, 1001.25);
    events.record(300, &record).unwrap();
    record.set(EPISODE_RETURN, -12.5_f32);
    events.record(1 << 40, &record).unwrap();
    events.flush().unwrap();
    drop(events);

    let events = payloads(&bytes);
    let [version, first, second] = &events[..] else { panic!("{events:?}") };
    assert_eq!(field(version, 3).unwrap(), b"brain.Event:2");
    assert_eq!(f64::from_le_bytes(field(version, 1).unwrap().try_into().unwrap()), 1000.5);
    assert_eq!([first, second].map(|event| number(field(event, 2).unwrap())), [300, 1 << 40]);
    assert_eq!(f64::from_le_bytes(field(first, 1).unwrap().try_into().unwrap()), 1001.25);
    let named = |all: &[(&str, f32)]| -> Vec<(String, f32)> {
        all.iter().map(|(tag, value)| ((*tag).to_owned(), *value)).collect()
    };
    let probabilities = [("train/probabilities/0", 0.75), ("train/probabilities/1", 0.25)];
    let [p, q] = probabilities;
    assert_eq!(
        scalars(first),
        named(&[("env_steps", 300.0), ("train/temperature", 0.25), p, q, ("time/unix_seconds", 1001.25)])
    );
    assert!(scalars(second).contains(&("rollout/episode_return".to_owned(), -12.5)));
}

#[test]
fn every_part_of_a_run_begins_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("events");
    for env_steps in [0, 500] {
        drop(TensorBoard::create(&folder, env_steps).unwrap());
    }
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2);
    assert!(names.iter().all(|name| name.to_string_lossy().starts_with("events.out.tfevents.")));
}

#[test]
fn a_text_is_a_string_of_the_text_plugin() {
    let mut bytes = Vec::new();
    let mut events = TensorBoard::new(&mut bytes, 1000.5).unwrap();
    events.text("config", "    steps = 5", 7).unwrap();
    drop(events);
    let event = payloads(&bytes).pop().unwrap();
    assert_eq!(number(field(&event, 2).unwrap()), 7);
    let value = field(&field(&event, 5).unwrap(), 1).unwrap();
    assert_eq!(field(&value, 1).unwrap(), b"config");
    let tensor = field(&value, 8).unwrap();
    assert_eq!(
        (number(field(&tensor, 1).unwrap()), field(&tensor, 8).unwrap()),
        (7, b"    steps = 5".to_vec())
    );
    let plugin = field(&field(&value, 9).unwrap(), 1).unwrap();
    assert_eq!(field(&plugin, 1).unwrap(), b"text");
}

#[test]
fn a_run_that_goes_on_from_a_step_loses_what_came_after_it_and_no_more() {
    let place = tempfile::tempdir().unwrap();
    let steps = |env_steps: &[u64], from: u64| {
        let mut events = TensorBoard::create(place.path(), from).unwrap();
        for &step in env_steps {
            let mut record = Metrics::default();
            record.set(ENV_STEPS, step);
            events.record(step, &record).unwrap();
        }
        events.flush().unwrap();
    };
    steps(&[100, 200, 300, 1 << 40], 0);
    // Killed while it wrote, and a file of somebody else.
    let first = std::fs::read_dir(place.path()).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&first).unwrap();
    std::fs::write(&first, [&whole[..], &[200, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3]].concat()).unwrap();
    std::fs::write(place.path().join("events.out.tfevents.5.host"), [1, 2, 3]).unwrap();
    steps(&[250, 350], 200);
    steps(&[300, 400], 250);
    let mut names: Vec<_> =
        std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "entropy"));
    names.sort();
    let seen: Vec<u64> = names
        .iter()
        .flat_map(|path| payloads(&std::fs::read(path).unwrap()))
        .filter(|event| field(event, 5).is_some())
        .map(|event| number(field(&event, 2).unwrap()))
        .collect();
    assert_eq!(seen, [100, 200, 250, 300, 400]);
    assert_eq!(std::fs::read(place.path().join("events.out.tfevents.5.host")).unwrap(), [1, 2, 3]);
}

#[test]
fn settings_are_a_session_of_the_plugin_for_them() {
    let mut bytes = Vec::new();
    let mut events = TensorBoard::new(&mut bytes, 0.0).unwrap();
    let settings = [
        ("sac.gamma".to_owned(), Hparam::Number(0.98)),
        ("env".to_owned(), Hparam::Text("lander".into())),
        ("run.tensorboard".to_owned(), Hparam::Switch(true)),
    ];
    events.hparams(&settings, 7).unwrap();
    drop(events);
    let event = payloads(&bytes).pop().unwrap();
    assert_eq!(number(field(&event, 2).unwrap()), 7);
    let value = field(&field(&event, 5).unwrap(), 1).unwrap();
    assert_eq!(field(&value, 1).unwrap(), b"_hparams_/session_start_info");
    let plugin = field(&field(&value, 9).unwrap(), 1).unwrap();
    assert_eq!(field(&plugin, 1).unwrap(), b"hparams");
    let session = field(&field(&plugin, 2).unwrap(), 3).unwrap();
    let entries: Vec<_> = fields(&session).into_iter().filter(|(number, _)| *number == 1).collect();
    let [gamma, env, switch] = [0, 1, 2].map(|index| {
        let entry = &entries[index].1;
        (String::from_utf8(field(entry, 1).unwrap()).unwrap(), fields(&field(entry, 2).unwrap()).remove(0))
    });
    assert_eq!((gamma.0.as_str(), gamma.1), ("sac.gamma", (2, 0.98_f64.to_le_bytes().to_vec())));
    assert_eq!((env.0.as_str(), env.1), ("env", (3, b"lander".to_vec())));
    assert_eq!((switch.0.as_str(), switch.1.0, number(switch.1.1)), ("run.tensorboard", 4, 1));
}
