# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Generated from abi/src/wire/: do not edit.
# To change it, edit the files there and run `kho-abi generate`.
meta:
  id: kho
  title: State that one Linux kernel hands to the next in a live update
  license: GPL-2.0-only OR MIT
  ks-version: 0.9
  endian: le
  bit-endian: le
doc: |
  A page of such state does not say what it is: only what led to it does. So parse it as one of the
  types below, such as luo_session_block. What depends on the page size is described for pages of
  4 KiB. For other page sizes, its name ends in the page size.

  Strings are bytes without their NUL, and have a second name that ends in _text for the string.
instances:
  kho_block_size:
    value: 4096
    doc: |
      Size of a block with its header, in bytes.
  kho_block_size_16k:
    value: 16384
  kho_block_size_64k:
    value: 65536
  kho_fdt_compatible:
    value: '"kho-v4"'
    doc: |
      Compatible string of the device tree's root.
  kho_fdt_memory_map_prop_name:
    value: '"preserved-memory-map"'
    doc: |
      Property of the root: the physical address of the radix tree's root.
  kho_sub_tree_prop_name:
    value: '"preserved-data"'
    doc: |
      Property of an entry: the physical address of what was preserved.
  kho_sub_tree_size_prop_name:
    value: '"blob-size"'
    doc: |
      Property of an entry: the size of what was preserved, in bytes.
  kho_vmalloc_size:
    value: 511
    doc: |
      Number of addresses in a chunk.
  kho_vmalloc_size_16k:
    value: 2047
  kho_vmalloc_size_64k:
    value: 8191
  kho_radix_key_width:
    value: 53
    doc: |
      Width of a key, in bits: the page frame number of order 0, and the bit that tells the order.
  kho_table_size_log2:
    value: 9
    doc: |
      Width of the index into an inner node, in bits.
  kho_bitmap_size_log2:
    value: 15
    doc: |
      Width of the index into a leaf, in bits.
  kho_tree_max_depth:
    value: 6
    doc: |
      Number of levels, the leaves included.
  kho_radix_key_width_16k:
    value: 51
  kho_table_size_log2_16k:
    value: 11
  kho_bitmap_size_log2_16k:
    value: 17
  kho_tree_max_depth_16k:
    value: 5
  kho_radix_key_width_64k:
    value: 49
  kho_table_size_log2_64k:
    value: 13
  kho_bitmap_size_log2_64k:
    value: 19
  kho_tree_max_depth_64k:
    value: 4
  kho_kexec_metadata_version:
    value: 1
    doc: |
      Version of kho_kexec_metadata, as its first field has it.
  kho_metadata_node_name:
    value: '"kexec-metadata"'
    doc: |
      Name of the KHO entry that holds the struct.
  luo_kho_entry_name:
    value: '"LUO"'
    doc: |
      Name of the KHO entry that holds the root.
  luo_abi_compatible:
    value: '"luo-v5"'
    doc: |
      Compatible string of LUO's own state.
  luo_abi_compat_len:
    value: 8
    doc: |
      Size of the field for the compatible string, in bytes.

      The string with its NUL, rounded up so that the fields behind it stay on multiples of eight
      bytes.
  liveupdate_hndl_compat_length:
    value: 48
    doc: |
      Size of the field for a file handler's compatible string, in bytes, with its NUL.
  liveupdate_flb_compat_length:
    value: 48
    doc: |
      Size of the field for an FLB's compatible string, in bytes, with its NUL.
  memblock_kho_fdt:
    value: '"memblock"'
    doc: |
      Name of the KHO entry that holds the device tree.
  memblock_kho_node_compatible:
    value: '"memblock-v1"'
    doc: |
      Compatible string of the device tree's root.
  reserve_mem_kho_node_compatible:
    value: '"reserve-mem-v1"'
    doc: |
      Compatible string of a reservation's node.
  memfd_luo_folio_dirty:
    value: 1
    doc: |
      The folio was written to since it was allocated.

      One that was not is there because somebody allocated it, as fallocate() does.
  memfd_luo_folio_uptodate:
    value: 2
    doc: |
      The folio's content is valid.

      One without this flag has yet to be filled with zeroes before anybody may see it.
  memfd_luo_all_seals:
    value: 63
    doc: |
      The seals that are preserved.

      A file with another seal is not preserved, and one that names another seal is not retrieved: a
      further seal needs a new version of the contract.
  memfd_luo_fh_compatible:
    value: '"memfd-v2"'
    doc: |
      Compatible string of the LUO file handler for memfds.
  pci_luo_flb_compatible:
    value: '"pci"'
    doc: |
      Compatible string of the PCI core's FLB object, in every version.
  pci_luo_flb_version:
    value: 2
    doc: |
      Version of pci_ser and all that it leads to, as its first field has it.
  vfio_pci_luo_fh_compatible:
    value: '"vfio-pci-v1"'
    doc: |
      Compatible string of the LUO file handler for vfio-pci device files.
types:
  kho_block_header_ser:
    doc: |
      Start of a block.

      The entries follow it without a gap. A reader believes neither field: a block holds at least
      one entry and at most as many as its size allows, and a list that is damaged may run in a
      circle.

      Promised by kho-v4.
    seq:
      - id: next
        type: u8
        doc: |
          Physical address of the next block, 0 in the last one.
      - id: count
        type: u8
        doc: |
          Number of entries in this block.
  kho_vmalloc_hdr:
    doc: |
      Start of a chunk.

      Promised by kho-v4.
    seq:
      - id: next
        type: u8
        doc: |
          The next chunk, at address 0 behind the last one. Physical address of struct
          kho_vmalloc_chunk.
  kho_vmalloc_chunk:
    doc: |
      One page of the list of addresses.

      An address of 0 ends the chunk. A list whose addresses fill its chunks exactly has an empty
      chunk at its end.

      For pages of 4096 bytes.

      Promised by kho-v4.
    seq:
      - id: hdr
        type: kho_vmalloc_hdr
        doc: |
          Leads to the next chunk.
      - id: phys
        type: u8
        repeat: expr
        repeat-expr: 511
        doc: |
          Physical addresses of blocks of pages, each of the order that kho_vmalloc tells.
  kho_vmalloc_chunk_16k:
    doc: |
      The same as kho_vmalloc_chunk, for pages of 16384 bytes.
    seq:
      - id: hdr
        type: kho_vmalloc_hdr
        doc: |
          Leads to the next chunk.
      - id: phys
        type: u8
        repeat: expr
        repeat-expr: 2047
        doc: |
          Physical addresses of blocks of pages, each of the order that kho_vmalloc tells.
  kho_vmalloc_chunk_64k:
    doc: |
      The same as kho_vmalloc_chunk, for pages of 65536 bytes.
    seq:
      - id: hdr
        type: kho_vmalloc_hdr
        doc: |
          Leads to the next chunk.
      - id: phys
        type: u8
        repeat: expr
        repeat-expr: 8191
        doc: |
          Physical addresses of blocks of pages, each of the order that kho_vmalloc tells.
  kho_vmalloc:
    doc: |
      Memory that was allocated with vmalloc().

      Promised by kho-v4 and memfd-v2.
    seq:
      - id: first
        type: u8
        doc: |
          The first chunk of the list of its pages. Physical address of struct kho_vmalloc_chunk.
      - id: total_pages
        type: u4
        doc: |
          Number of pages, of the kernel's page size, in all blocks together.
      - id: flags
        type: u2
        doc: |
          How it was allocated: bits that KHO has of its own, not those of vmalloc().
      - id: order
        type: u2
        doc: |
          Order of the blocks: each is 1 << order pages.
  kho_radix_node:
    doc: |
      An inner node of the radix tree.

      For pages of 4096 bytes.

      Promised by kho-v4.
    seq:
      - id: table
        type: u8
        repeat: expr
        repeat-expr: 512
        doc: |
          Physical addresses of the nodes below, 0 where there is none.
  kho_radix_node_16k:
    doc: |
      The same as kho_radix_node, for pages of 16384 bytes.
    seq:
      - id: table
        type: u8
        repeat: expr
        repeat-expr: 2048
        doc: |
          Physical addresses of the nodes below, 0 where there is none.
  kho_radix_node_64k:
    doc: |
      The same as kho_radix_node, for pages of 65536 bytes.
    seq:
      - id: table
        type: u8
        repeat: expr
        repeat-expr: 8192
        doc: |
          Physical addresses of the nodes below, 0 where there is none.
  kho_radix_leaf:
    doc: |
      A leaf of the radix tree.

      For pages of 4096 bytes.

      Promised by kho-v4.
    seq:
      - id: bitmap
        type: u8
        repeat: expr
        repeat-expr: 512
        doc: |
          One bit for each key that ends here, set where its pages are preserved.
  kho_radix_leaf_16k:
    doc: |
      The same as kho_radix_leaf, for pages of 16384 bytes.
    seq:
      - id: bitmap
        type: u8
        repeat: expr
        repeat-expr: 2048
        doc: |
          One bit for each key that ends here, set where its pages are preserved.
  kho_radix_leaf_64k:
    doc: |
      The same as kho_radix_leaf, for pages of 65536 bytes.
    seq:
      - id: bitmap
        type: u8
        repeat: expr
        repeat-expr: 8192
        doc: |
          One bit for each key that ends here, set where its pages are preserved.
  kho_kexec_metadata:
    doc: |
      What a kernel tells the next one about itself.

      The length of a release is a part of the interface to user space, and does not change.

      Promised by kexec-metadata-v1.
    seq:
      - id: version
        type: u4
        doc: |
          KHO_KEXEC_METADATA_VERSION: a kernel that finds another number reads no further.
      - id: previous_release
        size: 65
        terminator: 0
        doc: |
          Release of the kernel that did the kexec, as uname -r prints it.
      - id: kexec_count
        type: u4
        doc: |
          Number of kexecs since the machine was started cold, this one included.
    instances:
      previous_release_text:
        value: previous_release.to_s("UTF-8")
  luo_ser:
    doc: |
      Root of LUO's state.

      Promised by luo-v5.
    seq:
      - id: compatible
        size: 8
        terminator: 0
        doc: |
          LUO_ABI_COMPATIBLE: a kernel that finds another string reads no further.
      - id: liveupdate_num
        type: u8
        doc: |
          Number of live updates since the machine was started cold, this one included.
      - id: sessions_pa
        type: u8
        doc: |
          Physical address of the first block (kho_block_header_ser) of luo_session_ser, 0 where
          there are none.
      - id: flbs_pa
        type: u8
        doc: |
          Physical address of the luo_flb_header_ser.
    instances:
      compatible_text:
        value: compatible.to_s("UTF-8")
  luo_file_ser:
    doc: |
      A preserved file.

      Promised by luo-v5.
    seq:
      - id: compatible
        size: 48
        terminator: 0
        doc: |
          Compatible string of the file handler that preserved the file, and can retrieve it.
      - id: data
        type: u8
        doc: |
          What the handler wants back; for most, a physical address.
      - id: token
        type: u8
        doc: |
          What user space knows the file by within its session.
    instances:
      compatible_text:
        value: compatible.to_s("UTF-8")
  luo_file_set_ser:
    doc: |
      The files of a session.

      Promised by luo-v5.
    seq:
      - id: files
        type: u8
        doc: |
          Physical address of the first block (kho_block_header_ser) of luo_file_ser, 0 where there
          are none.
      - id: count
        type: u8
        doc: |
          Number of files in all blocks together.
  luo_session_ser:
    doc: |
      A session.

      Promised by luo-v5.
    seq:
      - id: name
        size: 64
        terminator: 0
        doc: |
          Name that user space gave the session; no two sessions have the same.
      - id: file_set_ser
        type: luo_file_set_ser
        doc: |
          Its files.
    instances:
      name_text:
        value: name.to_s("UTF-8")
  luo_flb_header_ser:
    doc: |
      Start of the array of FLBs.

      Promised by luo-v5.
    seq:
      - id: pgcnt
        type: u8
        doc: |
          Number of pages that header and array take together.
      - id: count
        type: u8
        doc: |
          Number of luo_flb_ser entries behind this header.
  luo_flb_ser:
    doc: |
      State that preserved files share.

      Promised by luo-v5.
    seq:
      - id: name
        size: 48
        terminator: 0
        doc: |
          Compatible string of whoever preserved the state, and can retrieve it.
      - id: data
        type: u8
        doc: |
          What it wants back; for most, a physical address.
      - id: count
        type: u8
        doc: |
          Number of preserved files that need the state.
    instances:
      name_text:
        value: name.to_s("UTF-8")
  memfd_luo_folio_ser:
    doc: |
      A folio of a memfd.

      Promised by memfd-v2.
    seq:
      - id: pfn
        type: b52
        doc: |
          Page frame number of the folio; 0 where there is none.
      - id: flags
        type: b12
        doc: |
          MEMFD_LUO_FOLIO_DIRTY and MEMFD_LUO_FOLIO_UPTODATE, or neither.
      - id: index
        type: u8
        doc: |
          The folio's place in the file, in pages.
  memfd_luo_ser:
    doc: |
      A memfd.

      Promised by memfd-v2.
    seq:
      - id: pos
        type: u8
        doc: |
          Position of the file, in bytes.
      - id: size
        type: u8
        doc: |
          Size of the file, in bytes.
      - id: seals
        type: u4
        doc: |
          Its seals, as fcntl() has them.
      - id: flags
        type: u4
        doc: |
          Flags of the file; no bit has a meaning yet, and all are 0.
      - id: nr_folios
        type: u8
        doc: |
          Number of entries in the array of folios.
      - id: folios
        type: kho_vmalloc
        doc: |
          The array of memfd_luo_folio_ser; not set where the file's size is 0.
  pci_dev_ser:
    doc: |
      A preserved device, or a bridge above one.

      Domain and address together name one PCI function. In the list each is there once, and the
      list is sorted by domain, and by address within a domain.

      Promised by pci@2.
    seq:
      - id: domain
        type: u4
        doc: |
          PCI domain, which the PCI specifications call segment.
      - id: bdf
        type: u2
        doc: |
          Bus number in bits 8 to 15, device number in bits 3 to 7, function number in bits 0 to 2.
      - id: refcount
        type: u2
        doc: |
          Number of preserved devices at or below this one.
  pci_ser:
    doc: |
      What the PCI core hands over.

      Promised by pci@2.
    seq:
      - id: version
        type: u4
        doc: |
          PCI_LUO_FLB_VERSION: never removed, moved or given another size, in any version.
      - id: nr_devices
        type: u4
        doc: |
          Number of devices in all blocks.
      - id: devices
        type: u8
        doc: |
          Physical address of the first block (kho_block_header_ser) of pci_dev_ser.
  vfio_pci_core_device_ser:
    doc: |
      Identity of a preserved vfio-pci device.

      Both fields together name one PCI function. A device in a domain that does not fit cannot be
      preserved.

      Promised by vfio-pci-v1.
    seq:
      - id: bdf
        type: u2
        doc: |
          Bus number in bits 8 to 15, device number in bits 3 to 7, function number in bits 0 to 2.
      - id: domain
        type: u2
        doc: |
          PCI domain, which the PCI specifications call segment.
  luo_session_block:
    doc: |
      A block of sessions; luo_ser.sessions_pa and the header's next lead to one.
    seq:
      - id: header
        type: kho_block_header_ser
      - id: entries
        type: luo_session_ser
        repeat: expr
        repeat-expr: header.count
  luo_file_block:
    doc: |
      A block of files; luo_file_set_ser.files and the header's next lead to one.
    seq:
      - id: header
        type: kho_block_header_ser
      - id: entries
        type: luo_file_ser
        repeat: expr
        repeat-expr: header.count
  luo_flb_list:
    doc: |
      The FLBs that luo_ser.flbs_pa leads to.
    seq:
      - id: header
        type: luo_flb_header_ser
      - id: entries
        type: luo_flb_ser
        repeat: expr
        repeat-expr: header.count
