// SPDX-License-Identifier: GPL-2.0

//! Tests that need only one kernel. Runs when the module is loaded into a kernel with
//! `CONFIG_KUNIT=y` that was booted with `kunit.enable=1`.

use kernel::prelude::*;

#[kunit_tests(kho_vfio_pci)]
mod inside_one_kernel {
    use super::*;
    use crate::handler::read_address;
    use crate::kho::{IncomingPage, OutgoingRecord};
    use crate::liveupdate::Retrieval;
    use crate::record;
    use crate::wire::pci_address::PciAddress;
    use crate::wire::vfio_pci::vfio_pci_core_device_ser;

    const ADDRESS: PciAddress = PciAddress::from_bdf(0x1234, 0x56f7);

    #[test]
    fn an_address_survives_the_record() -> Result {
        let mut page = OutgoingRecord::<vfio_pci_core_device_ser>::new()?;
        assert!(record::fill(&mut page, ADDRESS).is_ok());
        assert_eq!(page.address(), ADDRESS);

        // The address that LUO carries leads back to the same page.
        let phys = page.into_phys();
        assert_eq!(phys % kernel::page::PAGE_SIZE as u64, 0);
        // SAFETY: `phys` is from `into_phys`, and not used again.
        let page = unsafe { OutgoingRecord::<vfio_pci_core_device_ser>::from_phys(phys) };
        assert_eq!(page.address(), ADDRESS);
        Ok(())
    }

    #[test]
    fn a_domain_that_does_not_fit_is_refused() -> Result {
        let mut page = OutgoingRecord::<vfio_pci_core_device_ser>::new()?;
        assert!(record::fill(&mut page, ADDRESS).is_ok());

        for domain in [0x1_0000, 0x1_1234, u32::MAX] {
            assert!(record::fill(&mut page, PciAddress::from_bdf(domain, 0x56f7)).is_err());
            assert_eq!(page.address(), ADDRESS);
        }
        assert!(record::fill(&mut page, PciAddress::from_bdf(0xffff, 0x56f7)).is_ok());
        assert_eq!(page.address().domain(), 0xffff);
        Ok(())
    }

    #[test]
    fn a_page_with_something_behind_the_record_is_refused() {
        let mut page = [0; 64];
        page[..4].copy_from_slice(&[0xf7, 0x56, 0x34, 0x12]);
        assert!(read_address(&page) == Ok(ADDRESS));

        for at in 4..page.len() {
            page[at] = 1;
            assert!(read_address(&page) == Err(EBADMSG));
            page[at] = 0;
        }
        assert!(read_address(&page[..3]) == Err(EBADMSG));
    }

    #[test]
    fn an_address_of_no_preserved_page_is_refused() {
        for (phys, error) in [(0, EINVAL), (0x1001, EINVAL), (!0xfff, ENODATA)] {
            // SAFETY: The previous kernel preserved nothing at these addresses.
            let page = unsafe { IncomingPage::restore(phys) };
            assert!(page.err() == Some(error));
        }
    }

    #[test]
    fn a_status_tells_what_came_of_a_retrieve() {
        assert!(Retrieval::from_status(0) == Retrieval::NotTried);
        assert!(Retrieval::from_status(1) == Retrieval::Done);
        assert!(Retrieval::from_status(ENODEV.to_errno()) == Retrieval::Failed);
    }
}
