mod patients;
