// SPDX-License-Identifier: GPL-2.0
//! The Live Update Orchestrator's sessions and files in preserved memory.

use std::collections::BTreeSet;

use anyhow::{anyhow, bail, Context, Result};
use kho_abi::wire::layout::WireType;
use kho_abi::wire::luo::LUO_ABI_COMPATIBLE;
use kho_abi::wire::vfio_pci::{vfio_pci_core_device_ser, VFIO_PCI_LUO_FH_COMPATIBLE};
use sha2::{Digest, Sha256};

use super::memory::{Memory, PAGE_BYTES};

/// The compatible string of the memfd handler, in the kernel that has the generated headers.
pub use kho_abi::wire::memfd::MEMFD_LUO_FH_COMPATIBLE as MEMFD_COMPATIBLE;

const BLOCK_HEADER_BYTES: u64 = 16;
const SESSION_BYTES: u64 = 80;
const FILE_BYTES: u64 = 64;
/// No scenario needs more blocks in a row; a longer chain is a loop.
const BLOCK_LIMIT: usize = 64;

/// One file of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LuoFile {
    pub compatible: String,
    pub token: u64,
    /// What the handler left: for the handlers known here, a physical address.
    pub data_pa: u64,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LuoSession {
    pub name: String,
    pub files: Vec<LuoFile>,
}

/// Everything that LUO handed over, and the pages that contain it.
#[derive(Debug)]
pub struct Luo {
    pub liveupdate_number: u64,
    pub sessions: Vec<LuoSession>,
    /// Addresses of all pages of the chain itself.
    pub chain_pages: BTreeSet<u64>,
}

impl Luo {
    /// Follows the chain from `struct luo_ser`.
    pub fn read(memory: &impl Memory, luo_pa: u64) -> Result<Self> {
        let header: [u8; 32] = memory.array(luo_pa)?;
        let found = header[..8].split(|byte| *byte == 0).next();
        if found != Some(LUO_ABI_COMPATIBLE.as_bytes()) {
            bail!("the LUO blob starts with {:02x?}", &header[..8]);
        }
        let mut chain_pages = BTreeSet::from([page_of(luo_pa)]);
        let sessions_pa = memory.u64(luo_pa + 16)?;
        let mut sessions = Vec::new();
        for pa in entries(memory, sessions_pa, SESSION_BYTES, &mut chain_pages)? {
            let name = text(&memory.array::<64>(pa)?)?;
            let files_pa = memory.u64(pa + 64)?;
            let count = memory.u64(pa + 72)?;
            let mut files = Vec::new();
            for pa in entries(memory, files_pa, FILE_BYTES, &mut chain_pages)? {
                files.push(LuoFile {
                    compatible: text(&memory.array::<48>(pa)?)?,
                    data_pa: memory.u64(pa + 48)?,
                    token: memory.u64(pa + 56)?,
                });
            }
            if files.len() as u64 != count {
                bail!("session {name} says {count} files and has {}", files.len());
            }
            sessions.push(LuoSession { name, files });
        }
        Ok(Self { liveupdate_number: memory.u64(luo_pa + 8)?, sessions, chain_pages })
    }

    /// The file of this session and token.
    pub fn file(&self, session: &str, token: u64) -> Result<&LuoFile> {
        self.sessions
            .iter()
            .find(|candidate| candidate.name == session)
            .ok_or_else(|| anyhow!("no session {session}"))?
            .files
            .iter()
            .find(|file| file.token == token)
            .ok_or_else(|| anyhow!("no token {token:#x} in session {session}"))
    }
}

/// Reads what the vfio-pci handler left, as bytes and decoded by the contract.
pub fn vfio_pci_bytes(
    memory: &impl Memory,
    file: &LuoFile,
) -> Result<([u8; 4], vfio_pci_core_device_ser)> {
    if file.compatible != VFIO_PCI_LUO_FH_COMPATIBLE {
        bail!("the file's compatible string is {}", file.compatible);
    }
    let bytes = memory.array::<4>(file.data_pa)?;
    let value = *vfio_pci_core_device_ser::view(&bytes).map_err(|error| anyhow!("{error}"))?;
    Ok((bytes, value))
}

/// A memfd as the memfd handler left it.
#[derive(Debug)]
pub struct Memfd {
    pub size_bytes: u64,
    pub sha256: String,
    /// The addresses of the pages that describe it, and of its content.
    pub pages: BTreeSet<u64>,
}

/// Assembles a memfd from its folios.
pub fn read_memfd(memory: &impl Memory, file: &LuoFile, limit_bytes: u64) -> Result<Memfd> {
    if file.compatible != MEMFD_COMPATIBLE {
        bail!("the file's compatible string is {}", file.compatible);
    }
    let size_bytes = memory.u64(file.data_pa + 8)?;
    let nr_folios = memory.u64(file.data_pa + 24)?;
    if size_bytes > limit_bytes || nr_folios > limit_bytes / PAGE_BYTES + 1 {
        bail!("a memfd of {size_bytes} bytes in {nr_folios} folios");
    }
    let mut pages = BTreeSet::from([page_of(file.data_pa)]);
    let array = vmalloc_pages(memory, memory.u64(file.data_pa + 32)?, &mut pages)?;
    let mut content = vec![0; usize::try_from(size_bytes)?];
    for number in 0..nr_folios {
        let at = number * 16;
        let page = array
            .get(usize::try_from(at / PAGE_BYTES)?)
            .with_context(|| format!("folio {number} is beyond the array's pages"))?;
        let pa = page + at % PAGE_BYTES;
        let folio_pa = (memory.u64(pa)? & ((1 << 52) - 1)) * PAGE_BYTES;
        let start = memory.u64(pa + 8)? * PAGE_BYTES;
        // For folios larger than a page, the content would have a hole, and so another hash.
        let end = size_bytes.min(start + PAGE_BYTES);
        let target = content
            .get_mut(usize::try_from(start)?..usize::try_from(end)?)
            .ok_or_else(|| anyhow!("folio {number} lies at {start:#x}, beyond the end"))?;
        memory.read(folio_pa, target)?;
        pages.insert(folio_pa);
    }
    Ok(Memfd {
        size_bytes,
        sha256: Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect(),
        pages,
    })
}

/// The pages of a `struct kho_vmalloc`, whose chunks are {next, up to 511 addresses,
/// zero-terminated}.
fn vmalloc_pages(
    memory: &impl Memory,
    first_pa: u64,
    described_in: &mut BTreeSet<u64>,
) -> Result<Vec<u64>> {
    let mut pages = Vec::new();
    let mut chunk_pa = first_pa;
    for _ in 0..BLOCK_LIMIT {
        if chunk_pa == 0 {
            return Ok(pages);
        }
        described_in.insert(page_of(chunk_pa));
        for slot in 1..PAGE_BYTES / 8 {
            let pa = memory.u64(chunk_pa + slot * 8)?;
            if pa == 0 {
                break;
            }
            described_in.insert(page_of(pa));
            pages.push(pa);
        }
        chunk_pa = memory.u64(chunk_pa)?;
    }
    bail!("more than {BLOCK_LIMIT} vmalloc chunks from {first_pa:#x}")
}

/// Addresses of all entries of a chain of blocks.
fn entries(
    memory: &impl Memory,
    first_pa: u64,
    entry_bytes: u64,
    chain_pages: &mut BTreeSet<u64>,
) -> Result<Vec<u64>> {
    let capacity = (PAGE_BYTES - BLOCK_HEADER_BYTES) / entry_bytes;
    let mut entries = Vec::new();
    let mut block_pa = first_pa;
    for _ in 0..BLOCK_LIMIT {
        if block_pa == 0 {
            return Ok(entries);
        }
        chain_pages.insert(page_of(block_pa));
        let count = memory.u64(block_pa + 8)?;
        if count == 0 || count > capacity {
            bail!("the block at {block_pa:#x} says that it has {count} entries");
        }
        let start = block_pa + BLOCK_HEADER_BYTES;
        entries.extend((0..count).map(|index| start + index * entry_bytes));
        block_pa = memory.u64(block_pa)?;
    }
    bail!("more than {BLOCK_LIMIT} blocks from {first_pa:#x}")
}

fn page_of(pa: u64) -> u64 {
    pa & !(PAGE_BYTES - 1)
}

fn text(field: &[u8]) -> Result<String> {
    let length = field
        .iter()
        .position(|byte| *byte == 0)
        .ok_or_else(|| anyhow!("an unterminated string"))?;
    Ok(String::from_utf8(field[..length].to_vec())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::memory::tests::TestMemory;

    /// One session with one vfio-pci file, laid out by hand.
    fn memory() -> TestMemory {
        let mut bytes = vec![0; 5 * 4096];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0x1000, LUO_ABI_COMPATIBLE.as_bytes());
        put(0x1008, &3u64.to_le_bytes());
        put(0x1010, &0x2000u64.to_le_bytes());
        put(0x2008, &1u64.to_le_bytes());
        put(0x2010, b"vm0");
        put(0x2050, &0x3000u64.to_le_bytes());
        put(0x2058, &1u64.to_le_bytes());
        put(0x3008, &1u64.to_le_bytes());
        put(0x3010, VFIO_PCI_LUO_FH_COMPATIBLE.as_bytes());
        put(0x3040, &0x4000u64.to_le_bytes());
        put(0x3048, &7u64.to_le_bytes());
        put(0x4000, &[0x20, 0x01, 0x00, 0x00]);
        TestMemory(bytes)
    }

    #[test]
    fn the_chain_leads_to_the_page() {
        let memory = memory();
        let luo = Luo::read(&memory, 0x1000).unwrap();
        assert_eq!(luo.liveupdate_number, 3);
        let file = luo.file("vm0", 7).unwrap();
        let (bytes, value) = vfio_pci_bytes(&memory, file).unwrap();
        assert_eq!(bytes, [0x20, 0x01, 0, 0]);
        assert_eq!(value.to_string(), "0000:01:04.0");
        assert!(luo.file("vm0", 8).is_err());
        assert!(luo.file("vm1", 7).is_err());
    }

    #[test]
    fn a_loop_of_blocks_ends() {
        let mut memory = memory();
        memory.0[0x2000..0x2008].copy_from_slice(&0x2000u64.to_le_bytes());
        let error = Luo::read(&memory, 0x1000).unwrap_err();
        assert!(error.to_string().contains("more than 64 blocks"), "{error}");
    }

    #[test]
    fn a_wrong_count_is_seen() {
        let mut memory = memory();
        memory.0[0x2058] = 2;
        assert!(Luo::read(&memory, 0x1000).is_err());
    }
}
