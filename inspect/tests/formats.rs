// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The same memory gives the same result in every image format, and is found in every way.

use kho_abi_inspect::find::Way;
use kho_abi_inspect::image::{Format, Image};
use kho_abi_inspect::report::{json, Filter, Report};
use kho_abi_inspect::synth::container::{elf, flattened, kdump, raw, Packing};
use kho_abi_inspect::synth::{sample, Store as _};
use kho_abi_inspect::{inspect, Options, State};

fn show(image: &Image, state: &State) -> serde_json::Value {
    let filter = Filter::default();
    let mut bytes = Vec::new();
    json::write(Report { image, name: "image", state, filter: &filter }, &mut bytes).unwrap();
    let mut document: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    document.as_object_mut().unwrap().remove("image");
    document
}

#[test]
fn every_format_shows_the_same() {
    let (ram, places) = sample(4096);
    let expected = {
        let image = Image::from_bytes(raw(&ram)).unwrap();
        assert_eq!(image.format(), Format::Raw);
        let state = inspect(&image, &Options::default());
        assert_eq!(state.kho.as_ref().unwrap().at, places.fdt);
        assert!(state.findings.is_empty(), "{:?}", state.findings.list());
        show(&image, &state)
    };
    assert_eq!(expected["luo"]["sessions"][0]["files"][0]["payload"]["address"], "0000:01:00.0");
    let mut images = vec![(Format::Elf, elf(&ram))];
    for packing in [Packing::Plain, Packing::Zlib, Packing::Snappy, Packing::Zstd] {
        let bytes = kdump(&ram, packing, &[]);
        images.push((Format::KdumpFlattened, flattened(&bytes)));
        images.push((Format::Kdump, bytes));
    }
    for (format, bytes) in images {
        let image = Image::from_bytes(bytes).unwrap();
        assert_eq!(image.format(), format);
        assert_eq!(image.release(), Some("7.3.4"), "{format}");
        let state = inspect(&image, &Options::default());
        assert_eq!((state.page_size, state.page_size_guessed), (4096, false), "{format}");
        assert_eq!(show(&image, &state), expected, "{format}");
    }
}

#[test]
fn every_page_size_is_read_and_found_out() {
    for page_size in kho_abi_inspect::image::PAGE_SIZES {
        let (ram, _) = sample(page_size);
        let image = Image::from_bytes(raw(&ram)).unwrap();
        let state = inspect(&image, &Options::default());
        assert_eq!((state.page_size, state.page_size_guessed), (page_size, true));
        assert!(state.findings.is_empty(), "{page_size}: {:?}", state.findings.list());
        assert_eq!(state.luo().unwrap().sessions.len(), 3);
    }
}

#[test]
fn a_page_that_was_left_out_is_said_to_be() {
    let (ram, places) = sample(4096);
    let excluded = [places.file_blocks[0][0]];
    let image = Image::from_bytes(kdump(&ram, Packing::Zlib, &excluded)).unwrap();
    let state = inspect(&image, &Options::default());
    let finding = &state.findings.list()[0];
    assert_eq!((finding.rule.id, finding.at), ("address_excluded", excluded[0]));
}

#[test]
fn the_boot_protocol_of_x86_leads_to_the_tree() {
    let (mut ram, places) = sample(4096);
    // Two items, of which the second is KHO's.
    let (params, first, second) = (0x9000, 0x9f00, 0x8010_u64);
    ram.set_number(params + 0x250, first);
    ram.write(
        first,
        &[&second.to_le_bytes()[..], &1_u32.to_le_bytes(), &8_u32.to_le_bytes()].concat(),
    );
    let kho = [places.fdt, 4096, 0, 0].map(u64::to_le_bytes).concat();
    ram.write(second, &[&[0; 8][..], &10_u32.to_le_bytes(), &32_u32.to_le_bytes(), &kho].concat());
    let options = Options { boot_params: Some(params), ..Options::default() };
    let image = Image::from_bytes(raw(&ram)).unwrap();
    let state = inspect(&image, &options);
    assert_eq!(state.candidates[0].found_by, Way::SetupData);
    assert_eq!(state.kho.unwrap().at, places.fdt);

    // Where it leads there is no tree: that is said, and the scan still finds the right one.
    let kho = [places.fdt + 2 * 4096, 4096, 0, 0].map(u64::to_le_bytes).concat();
    let mut elsewhere = ram.clone();
    elsewhere.write(second + 16, &kho);
    let image = Image::from_bytes(raw(&elsewhere)).unwrap();
    let state = inspect(&image, &options);
    assert_eq!(state.candidates.first().map(|found| found.found_by), Some(Way::Scan));
    let said = format!("no device tree is at {:#x}", places.fdt + 2 * 4096);
    assert!(state.notes.iter().any(|note| note.contains(&said)), "{:?}", state.notes);

    // A cyclic list leads nowhere, but the scan still finds the tree.
    ram.set_number(second, first);
    ram.write(second + 8, &[0; 4]);
    let image = Image::from_bytes(raw(&ram)).unwrap();
    let state = inspect(&image, &options);
    assert!(
        state.notes.iter().any(|note| note.contains("loops back to 0x9f00")),
        "{:?}",
        state.notes
    );
    assert_eq!(state.candidates[0].found_by, Way::Scan);
}

#[test]
fn the_chosen_node_of_arm64_leads_to_the_tree() {
    let (mut ram, places) = sample(4096);
    let mut tree = kho_abi_inspect::synth::Tree::new("linux,dummy-virt");
    tree.property("#address-cells", &2_u32.to_be_bytes());
    tree.property("#size-cells", &2_u32.to_be_bytes());
    tree.begin("chosen");
    tree.property("linux,kho-fdt", &[places.fdt, 4096].map(u64::to_be_bytes).concat());
    tree.end();
    ram.write(0x20_0000 - 0x1f_0000, &tree.finish());
    let image = Image::from_bytes(raw(&ram)).unwrap();
    for device_tree in [Some(0x1_0000), None] {
        let state = inspect(&image, &Options { device_tree, ..Options::default() });
        assert_eq!(state.candidates[0].found_by, Way::ChosenNode);
        assert_eq!(state.kho.unwrap().at, places.fdt);
    }
}

#[test]
fn a_device_tree_alone_is_shown_without_what_it_leads_to() {
    let (ram, places) = sample(4096);
    let image = Image::from_bytes(ram.pages[&places.fdt].clone()).unwrap();
    assert_eq!(image.format(), Format::Fdt);
    let state = inspect(&image, &Options::default());
    assert!(state.findings.is_empty(), "{:?}", state.findings.list());
    assert_eq!(state.kho.unwrap().entries.len(), 3);
    assert!(state.notes[0].contains("was not checked"));
    // As debugfs shows it, truncated.
    let image = Image::from_bytes(ram.pages[&places.fdt][..233].to_vec()).unwrap();
    let state = inspect(&image, &Options::default());
    assert_eq!(state.findings.list()[0].rule.id, "fdt_malformed");
}

#[test]
fn before_the_reboot_sessions_are_said_to_be_missing() {
    let ram = kho_abi_inspect::synth::Ram::new(4096, 16 << 20);
    let mut synth = kho_abi_inspect::synth::Synth::new(ram, 4096);
    synth.serialised = false;
    let session = synth.session("vm0");
    synth.device(session, 1, "0000:01:00.0");
    let (ram, _) = synth.finish();
    let image = Image::from_bytes(raw(&ram)).unwrap();
    let state = inspect(&image, &Options::default());
    assert!(state.findings.is_empty(), "{:?}", state.findings.list());
    let said = |words: &str| state.notes.iter().any(|note| note.contains(words));
    assert!(said("memory does not say which"), "{:?}", state.notes);
}
