package dict

import "slices"

// definition is a table in short: name:type words, see parse.
type definition struct{ name, label, prefix, parent, display, fields string }

// system are the fields that every table has.
const system = "sys_id:g sys_created_by sys_created_on:t sys_updated_by sys_updated_on:t sys_mod_count:i sys_tags"

// standard are the tables that every instance has, with the fields that the vendor's
// own samples and dictionary show: those above come before those that extend them.
var standard = slices.Concat(tickets, people, machines, others)

var tickets = []definition{
	{name: "task", label: "Task", prefix: "TASK", display: "number", fields: `active:b activity_due:t additional_assignee_list approval approval_history:j approval_set:t
		assigned_to:@sys_user assignment_group:@sys_user_group business_duration:t business_service:@cmdb_ci calendar_duration:t close_notes closed_at:t
		closed_by:@sys_user cmdb_ci:@cmdb_ci comments:j comments_and_work_notes:j company:@core_company contact_type correlation_display
		correlation_id delivery_plan:@sc_cat_item_delivery_plan delivery_task:@sc_cat_item_delivery_task description due_date:t escalation expected_start:t
		follow_up:t group_list impact knowledge:b location:@cmn_location made_sla:b number opened_at:t opened_by:@sys_user order:i parent:@task
		priority reassignment_count:i rejection_goto service_offering:@cmdb_ci short_description sla_due:t state sys_class_name
		sys_domain:@sys_user_group sys_domain_path time_worked upon_approval upon_reject urgency user_input watch_list wf_activity work_end:t
		work_notes:j work_notes_list work_start:t u_account u_protocol`},
	{name: "incident", label: "Incident", prefix: "INC", parent: "task", display: "number", fields: `caller_id:@sys_user category subcategory caused_by:@change_request
		child_incidents:i close_code incident_state hold_reason notify parent_incident:@incident problem_id:@problem reopen_count:i resolved_at:t
		resolved_by:@sys_user rfc:@change_request severity calendar_stc:i business_stc:i`},
	{name: "change_request", label: "Change Request", prefix: "CHG", parent: "task", display: "number", fields: `type risk risk_value risk_impact_analysis phase phase_state
		category reason scope requested_by:@sys_user requested_by_date:t start_date:t end_date:t cab_date:t cab_required:b cab_recommendation
		cab_delegate:@sys_user change_plan backout_plan test_plan implementation_plan justification review_comments review_date:d review_status
		production_system:b outside_maintenance_schedule:b conflict_status conflict_last_run:t on_hold:b on_hold_reason on_hold_task chg_model:@chg_model
		std_change_producer_version:@std_change_producer_version unauthorized:b is_bulk:b close_code`},
	{name: "problem", label: "Problem", prefix: "PRB", parent: "task", display: "number", fields: `category subcategory cause_notes fix_notes known_error:b major_problem:b
		problem_state related_incidents:i resolution_code resolved_at:t resolved_by:@sys_user rfc:@change_request workaround duplicate_of:@problem
		first_reported_by_task:@task confirmed_at:t confirmed_by:@sys_user fix_communicated_at:t fix_communicated_by:@sys_user reopen_count:i reopened_at:t
		reopened_by:@sys_user review_outcome workaround_applied:b workaround_communicated_at:t workaround_communicated_by:@sys_user`},
	{name: "change_task", label: "Change Task", prefix: "CTASK", parent: "task", display: "number", fields: `change_request:@change_request change_task_type close_code
		planned_start_date:t planned_end_date:t on_hold:b on_hold_reason created_from`},
	{name: "problem_task", label: "Problem Task", prefix: "PTASK", parent: "task", display: "number", fields: `problem:@problem problem_task_type cause_notes close_code
		started_at:t started_by:@sys_user fix_notes workaround`},
	{name: "incident_task", label: "Incident Task", prefix: "TASK", parent: "task", display: "number", fields: `incident:@incident`},
	{name: "sysapproval_group", label: "Group approval", prefix: "GAPRV", parent: "task", display: "number", fields: `wait_for`},
	{name: "sc_request", label: "Request", prefix: "REQ", parent: "task", display: "number", fields: `requested_for:@sys_user requested_date:t request_state stage price special_instructions delivery_address`},
	{name: "sc_req_item", label: "Requested Item", prefix: "RITM", parent: "task", display: "number", fields: `requested_for:@sys_user request:@sc_request cat_item:@sc_cat_item stage quantity:i price estimated_delivery:t`},
	{name: "sc_task", label: "Catalog Task", prefix: "SCTASK", parent: "task", display: "number", fields: `request:@sc_request request_item:@sc_req_item sc_catalog:@sc_catalog`},
}

var people = []definition{
	{name: "sys_user", label: "User", display: "name", fields: `user_name name first_name last_name email phone mobile_phone active:b locked_out:b title department:@cmn_department
		manager:@sys_user location:@cmn_location company:@core_company employee_number roles time_zone web_service_access_only:b internal_integration_user:b sys_class_name sys_domain:@sys_user_group`},
	{name: "sys_user_group", label: "Group", display: "name", fields: `name description email active:b manager:@sys_user parent:@sys_user_group roles type`},
	{name: "sys_user_grmember", label: "Group Member", display: "sys_id", fields: `user:@sys_user group:@sys_user_group`},
	{name: "sys_user_role", label: "Role", display: "name", fields: `name suffix description grantable:b elevated_privilege:b assignable_by:@sys_user_role requires_subscription`},
	{name: "sys_user_has_role", label: "User Role", display: "sys_id", fields: `user:@sys_user role:@sys_user_role granted_by:@sys_user_group inherited:b state`},
	{name: "sys_group_has_role", label: "Group Role", display: "sys_id", fields: `group:@sys_user_group role:@sys_user_role inherits:b`},
	{name: "sys_user_delegate", label: "Delegate", display: "sys_id", fields: `user:@sys_user delegate:@sys_user starts:t ends:t approvals:b assignments:b notifications:b`},
	{name: "core_company", label: "Company", display: "name", fields: `name city country phone street state zip website vendor:b manufacturer:b customer:b primary:b parent:@core_company notes stock_symbol`},
	{name: "cmn_location", label: "Location", display: "name", fields: `name full_name city country street state zip latitude longitude phone company:@core_company contact:@sys_user parent:@cmn_location time_zone`},
	{name: "cmn_building", label: "Building", display: "name", fields: `name location:@cmn_location floors:i notes`},
	{name: "cmn_department", label: "Department", display: "name", fields: `name id description company:@core_company dept_head:@sys_user primary_contact:@sys_user parent:@cmn_department cost_center:@cmn_cost_center`},
	{name: "cmn_cost_center", label: "Cost center", display: "name", fields: `name code account_number manager:@sys_user location:@cmn_location parent:@cmn_cost_center valid_from:t valid_to:t`},
	{name: "business_unit", label: "Business Unit", display: "name", fields: `name description company:@core_company bu_head:@sys_user parent:@business_unit`},
	{name: "cmn_schedule", label: "Schedule", display: "name", fields: `name description time_zone type read_only:b`},
}

// machines are the classes of the CMDB that the assets of a company, and clients
// who add some, need.
var machines = []definition{
	{name: "cmdb", label: "Base Configuration Item", display: "name", fields: `name short_description asset_tag serial_number install_status:i assigned_to:@sys_user
		support_group:@sys_user_group owned_by:@sys_user managed_by:@sys_user company:@core_company location:@cmn_location department:@cmn_department
		model_id:@cmdb_model manufacturer:@core_company vendor:@core_company cost_center:@cmn_cost_center supported_by:@sys_user assignment_group:@sys_user_group
		sys_class_name sys_class_path sys_domain:@sys_user_group sys_domain_path`},
	{name: "cmdb_ci", label: "Configuration Item", parent: "cmdb", display: "name", fields: `ip_address mac_address fqdn dns_domain host_name category subcategory operational_status:i
		environment comments attributes discovery_source first_discovered:t last_discovered:t correlation_id monitor:b fault_count:i change_control:@sys_user_group life_cycle_stage life_cycle_stage_status`},
	{name: "cmdb_ci_hardware", label: "Hardware", parent: "cmdb_ci", display: "name", fields: `hardware_status hardware_substatus default_gateway`},
	{name: "cmdb_ci_computer", label: "Computer", parent: "cmdb_ci_hardware", display: "name", fields: `os os_version os_domain os_service_pack os_address_width:i cpu_count:i cpu_core_count:i
		cpu_core_thread:i cpu_manufacturer:@core_company cpu_name cpu_speed cpu_type ram:i disk_space chassis_type form_factor virtual:b object_id`},
	{name: "cmdb_ci_server", label: "Server", parent: "cmdb_ci_computer", display: "name", fields: `used_for classification firewall_status dr_backup:@cmdb_ci host_name`},
	{name: "cmdb_ci_linux_server", label: "Linux Server", parent: "cmdb_ci_server", display: "name", fields: `kernel_release`},
	{name: "cmdb_ci_win_server", label: "Windows Server", parent: "cmdb_ci_server", display: "name"},
	{name: "cmdb_ci_unix_server", label: "UNIX Server", parent: "cmdb_ci_server", display: "name"},
	{name: "cmdb_ci_esx_server", label: "ESX Server", parent: "cmdb_ci_server", display: "name"},
	{name: "cmdb_ci_netgear", label: "Network Gear", parent: "cmdb_ci_hardware", display: "name", fields: `firmware_version firmware_manufacturer:@core_company device_type ports:i can_route:b can_switch:b`},
	{name: "cmdb_ci_ip_switch", label: "IP Switch", parent: "cmdb_ci_netgear", display: "name"},
	{name: "cmdb_ci_ip_router", label: "IP Router", parent: "cmdb_ci_netgear", display: "name"},
	{name: "cmdb_ci_ip_firewall", label: "IP Firewall", parent: "cmdb_ci_netgear", display: "name"},
	{name: "cmdb_ci_printer", label: "Printer", parent: "cmdb_ci_hardware", display: "name"},
	{name: "cmdb_ci_vm_object", label: "Virtual Machine Object", parent: "cmdb_ci", display: "name", fields: `object_id vcenter_uuid`},
	{name: "cmdb_ci_vm_instance", label: "Virtual Machine Instance", parent: "cmdb_ci_vm_object", display: "name", fields: `cpus:i memory:i disks:i state vm_inst_id`},
	{name: "cmdb_ci_appl", label: "Application", parent: "cmdb_ci", display: "name", fields: `version running_process_command tcp_port used_for`},
	{name: "cmdb_ci_db_instance", label: "Database Instance", parent: "cmdb_ci_appl", display: "name"},
	{name: "cmdb_ci_database", label: "Database", parent: "cmdb_ci", display: "name", fields: `type version`},
	{name: "cmdb_ci_service", label: "Service", parent: "cmdb_ci", display: "name", fields: `busines_criticality number service_classification used_for version service_status`},
	{name: "service_offering", label: "Service Offering", parent: "cmdb_ci_service", display: "name", fields: `parent:@cmdb_ci_service`},
	{name: "cmdb_ci_business_app", label: "Business Application", parent: "cmdb_ci", display: "name", fields: `active:b number version url`},
	{name: "cmdb_rel_type", label: "CI Relationship Type", display: "name", fields: `name parent_descriptor child_descriptor`},
	{name: "cmdb_rel_ci", label: "CI Relationship", display: "type", fields: `parent:@cmdb_ci child:@cmdb_ci type:@cmdb_rel_type port connection_strength percent_outage:i`},
	{name: "cmdb_model", label: "Product Model", display: "display_name", fields: `name display_name manufacturer:@core_company model_number short_description status`},
	{name: "alm_asset", label: "Asset", display: "display_name", fields: `display_name asset_tag serial_number install_status:i substatus ci:@cmdb_ci model:@cmdb_model assigned_to:@sys_user location:@cmn_location
		company:@core_company department:@cmn_department cost sys_class_name`},
	{name: "alm_hardware", label: "Hardware", parent: "alm_asset", display: "display_name"},
	{name: "task_ci", label: "Affected CI", display: "ci_item", fields: `task:@task ci_item:@cmdb_ci applied:b applied_date:t manual_proposed_change:b`},
}

// others are tables about tickets, the catalog and the instance itself.
var others = []definition{
	{name: "sysapproval_approver", label: "Approval", display: "sysapproval", fields: `approver:@sys_user sysapproval:@task source_table document_id state comments due_date:t expected_start:t group:@sysapproval_group order:i approval_source`},
	{name: "sys_journal_field", label: "Journal Entry", display: "sys_id", fields: `name element element_id value`},
	{name: "sys_attachment", label: "Attachment", display: "file_name", fields: `file_name table_name table_sys_id content_type size_bytes:i size_compressed:i compressed:b state hash average_image_color image_height image_width`},
	{name: "chg_model", label: "Change Model", display: "name", fields: `name description active:b available_in_ui:b default_change_model:b state_field color record_preset`},
	{name: "std_change_producer", label: "Standard Change Template", display: "name", fields: `name short_description category active:b state current_version:@std_change_producer_version`},
	{name: "std_change_producer_version", label: "Standard Change Template Version", display: "name", fields: `name version:i std_change_producer:@std_change_producer std_change_proposal:@task
		published:t retired:t change_count:i closed_change_count:i successful_change_count:i unsuccessful_change_count:i percent_successful`},
	{name: "sc_catalog", label: "Catalog", display: "title", fields: `title description active:b manager:@sys_user`},
	{name: "sc_category", label: "Category", display: "title", fields: `title description active:b parent:@sc_category sc_catalog:@sc_catalog`},
	{name: "sc_cat_item", label: "Catalog Item", display: "name", fields: `name short_description description active:b category:@sc_category sc_catalogs price order:i type workflow`},
	{name: "sc_cat_item_delivery_plan", label: "Execution Plan", display: "name", fields: `name total_delivery_time:t`},
	{name: "sc_cat_item_delivery_task", label: "Execution Plan Task", display: "name", fields: `name delivery_plan:@sc_cat_item_delivery_plan order:i short_description`},
	{name: "task_sla", label: "Task SLA", display: "sla", fields: `task:@task sla:@contract_sla stage active:b has_breached:b start_time:t end_time:t planned_end_time:t percentage business_percentage`},
	{name: "contract_sla", label: "SLA Definition", display: "name", fields: `name collection type target duration:t active:b`},
	{name: "kb_knowledge_base", label: "Knowledge Base", display: "title", fields: `title description active:b owner:@sys_user`},
	{name: "kb_knowledge", label: "Knowledge", prefix: "KB", display: "number", fields: `number short_description text wiki topic active:b workflow_state kb_knowledge_base:@kb_knowledge_base author:@sys_user published:d valid_to:d`},
	{name: "sys_choice", label: "Choice", display: "label", fields: `name element value label language sequence:i inactive:b hint dependent_value`},
	{name: "sys_dictionary", label: "Dictionary Entry", display: "element", fields: `name element column_label internal_type reference max_length:i mandatory:b read_only:b active:b display:b unique:b primary:b array:b
		virtual:b choice:i default_value attributes comments dependent reference_qual`},
	{name: "sys_db_object", label: "Table", display: "label", fields: `name label super_class:@sys_db_object is_extendable:b access sys_class_name number_ref`},
	{name: "sys_properties", label: "System Property", display: "name", fields: `name value description type is_private:b`},
	{name: "sys_update_set", label: "Update Set", display: "name", fields: `name description state application is_default:b`},
}
