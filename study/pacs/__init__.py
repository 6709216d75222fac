"""To and from the PACS: series found by DICOMweb, results stored into the same study, C-STORE to an AE title."""
